"""Errors in closed form; what they are worth over many draws is in test_simulation.py."""

import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.frechet.moments import Moments, moments_of
from stylenat.frechet.uncertainty import influence_standard_error, jackknife

WIDTH, COUNT, GROUPS = 32, 832, 8


def exact(mean_D, covariance_DD, count=10**9):
    """Moments of a set so large that they are those of the distribution."""
    return Moments(count, count * mean_D, (count - 1) * covariance_DD + count * np.outer(mean_D, mean_D))


SCALE_D = np.linspace(0.5, 2, WIDTH)
REAL = exact(np.zeros(WIDTH), np.diag(SCALE_D**2))


def draw(seed):
    return 0.1 + SCALE_D * np.random.default_rng(seed).standard_normal((COUNT, WIDTH))


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
