"""Simulations: Gaussian features, the reals' moments known, many draws of the fakes."""

import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.frechet.distance import frechet_distance
from stylenat.frechet.moments import Moments, merge, moments_of
from stylenat.frechet.uncertainty import influence_standard_error, jackknife

WIDTH, COUNT, GROUPS = 32, 832, 8  # 26 images a feature, as 50,000 on 2048
DRAWS = 600


def exact(mean_D, covariance_DD, count=10**9):
    """Moments of a set so large that they are those of the distribution."""
    return Moments(count, count * mean_D, (count - 1) * covariance_DD + count * np.outer(mean_D, mean_D))


SCALE_D = np.linspace(0.5, 2, WIDTH)
REAL = exact(np.zeros(WIDTH), np.diag(SCALE_D**2))
FAKE_SCALE_D, FAKE_MEAN_D = SCALE_D * np.linspace(0.75, 1.3, WIDTH), np.full(WIDTH, 0.1)
TRUTH = frechet_distance(exact(FAKE_MEAN_D, np.diag(FAKE_SCALE_D**2)), REAL)


def draw(seed):
    return FAKE_MEAN_D + FAKE_SCALE_D * np.random.default_rng(seed).standard_normal((COUNT, WIDTH))


@pytest.fixture(scope="module")
def draws():
    """Of each draw: the distance, its standard error, and the jackknife's value and error."""
    rows = []
    for seed in range(DRAWS):
        x = draw(seed)
        parts = [moments_of(part) for part in np.split(x, GROUPS)]
        infinite = jackknife(parts, REAL)
        distance = frechet_distance(merge(parts), REAL)
        rows.append((distance, influence_standard_error(x, REAL), infinite.value, infinite.standard_error))
    return np.array(rows).T


def test_the_influence_interval_covers(draws):
    """What it is an interval for: the mean over draws of this many images, bias and all."""
    distance, error = draws[:2]
    covered = np.abs(distance - distance.mean()) <= 1.96 * error
    assert 0.93 <= covered.mean() <= 0.97
    assert error.mean() == pytest.approx(distance.std(), rel=0.1)


def test_the_plain_bootstrap_misses():
    """Drawing again from a draw adds the bias once more: its interval does not even hold the point that it is for."""
    covered = []
    for seed in range(25):
        x, rng = draw(seed), np.random.default_rng(10_000 + seed)
        again = [frechet_distance(moments_of(x[rng.integers(COUNT, size=COUNT)]), REAL) for _ in range(100)]
        low, high = np.percentile(again, [2.5, 97.5])
        covered.append(low <= frechet_distance(moments_of(x), REAL) <= high)
    assert np.mean(covered) < 0.2


def test_the_jackknife_takes_the_bias_away(draws):
    distance, _, infinite, infinite_error = draws
    bias = distance.mean() - TRUTH
    assert bias > 0.05 * TRUTH
    assert abs(infinite.mean() - TRUTH) < 0.1 * bias
    assert infinite.std() < 1.1 * distance.std()  # and costs nothing in spread
    assert infinite_error.mean() == pytest.approx(infinite.std(), rel=0.2)


def test_a_distance_from_features_alone_has_the_error_of_its_linear_part():
    """Equal covariances, means apart: I(x) is 2 (mg - mr).x, whose deviation is known."""
    x = np.random.default_rng(0).standard_normal((20_000, 4)) + np.array([3.0, 0, 0, 0])
    real = exact(np.zeros(4), np.cov(x, rowvar=False))
    expected = 2 * 3 / np.sqrt(20_000)
    assert influence_standard_error(x, real) == pytest.approx(expected, rel=0.02)


def test_what_can_not_be_is_refused():
    x = draw(0)
    with pytest.raises(InputError, match="more images than features are needed"):
        influence_standard_error(x[: WIDTH - 1], REAL)
    parts = [moments_of(part) for part in np.split(x, GROUPS)]
    with pytest.raises(InputError, match=r"found 4 groups of \[104\] images, expected at least 5"):
        jackknife(parts[:4], REAL)
    with pytest.raises(InputError, match=r"found 8 groups of \[50, 104\] images"):
        jackknife([*parts[:7], moments_of(x[:50])], REAL)
