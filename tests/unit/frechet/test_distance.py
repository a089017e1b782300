import numpy as np
import pytest
import torch
from scipy import linalg
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from stylenat.core.errors import InputError
from stylenat.frechet.distance import factor, frechet_distance, frechet_distance_of_few, trace_of_root
from stylenat.frechet.moments import merge, moments_of

WIDTH = 24


def features(seed, count=600, width=WIDTH):
    """Correlated features off the origin, as a detector gives them."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((width, width)) / np.sqrt(width)
    return (rng.standard_normal((count, width)) @ mixing + rng.uniform(0.2, 0.5, width)).astype(np.float32)


def by_sqrtm(first, second, epsilon=0.0):
    """The usual way, and with `epsilon` its usual repair: something added to both diagonals."""
    added = epsilon * np.eye(len(first.sum_D))
    root = linalg.sqrtm((first.covariance_DD + added) @ (second.covariance_DD + added))
    difference = first.mean_D - second.mean_D
    traces = np.trace(first.covariance_DD) + np.trace(second.covariance_DD)
    return difference @ difference + traces - 2 * np.trace(root.real)


def by_torch_fidelity(first, second):
    one, other = (fid_features_to_statistics(torch.from_numpy(x.astype(np.float64))) for x in (first, second))
    return fid_statistics_to_metric(one, other, verbose=False)[KEY_METRIC_FID]


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_sqrtm_and_torch_fidelity_and_the_repair_does_not(seed):
    one, other = features(seed), 1.1 * features(seed + 100)
    first, second = moments_of(one), moments_of(other)
    found = frechet_distance(first, second)
    assert found == pytest.approx(by_sqrtm(first, second), rel=1e-9)
    assert found == pytest.approx(by_torch_fidelity(one, other), rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(found, rel=1e-9)
    assert by_sqrtm(first, second, 1e-6) != pytest.approx(found, rel=1e-7)  # the test can tell


def test_closed_forms():
    one = features(0).astype(np.float64)
    first = moments_of(one)
    assert abs(frechet_distance(first, first)) < 1e-12 * np.trace(first.covariance_DD)
    shift = np.linspace(-1, 2, WIDTH)
    assert frechet_distance(first, moments_of(one + shift)) == pytest.approx(shift @ shift, rel=1e-9)
    scaled = moments_of(first.mean_D + 1.5 * (one - first.mean_D))
    assert frechet_distance(first, scaled) == pytest.approx(0.25 * np.trace(first.covariance_DD), rel=1e-9)


@pytest.mark.parametrize(("counts", "tolerance"), [((10, 600), 1e-7), ((10, 12), 1e-7), ((WIDTH, WIDTH), 1e-7)])
def test_few_images_are_exact_by_their_features(counts, tolerance):
    """From moments the same but for the rounding of eigenvalues near zero; the repair is off by far more."""
    one, other = features(1, counts[0]), features(2, counts[1])
    exact = frechet_distance_of_few(one, other)
    first, second = moments_of(one), moments_of(other)
    assert frechet_distance(first, second) == pytest.approx(exact, rel=tolerance)
    assert by_sqrtm(first, second, 1e-6) != pytest.approx(exact, rel=10 * tolerance)


def test_few_images_by_features_equal_many_by_moments():
    one, other = features(1), features(2)
    assert frechet_distance_of_few(one, other) == pytest.approx(
        frechet_distance(moments_of(one), moments_of(other)), rel=1e-9
    )


@pytest.mark.parametrize("count", [WIDTH // 2, 600])
def test_a_factor_gives_the_covariance(count):
    covariance = moments_of(features(3, count)).covariance_DD
    found = factor(covariance)
    assert np.allclose(found @ found.T, covariance, atol=1e-12)


def test_the_root_of_commuting_covariances_is_that_of_their_numbers():
    assert trace_of_root(np.diag([4.0, 9.0]), np.diag([1.0, 16.0])) == pytest.approx(2 + 12)


def test_moments_are_numpy_s_mean_and_covariance():
    x = features(4).astype(np.float64)
    found = moments_of(x)
    assert np.allclose(found.mean_D, x.mean(axis=0), rtol=1e-13)
    assert np.allclose(found.covariance_DD, np.cov(x, rowvar=False), rtol=1e-11, atol=1e-14)
    assert np.array_equal(found.covariance_DD, found.covariance_DD.T)


def test_parts_merge_to_the_whole_whoever_made_them():
    x = features(5, 1000)
    parts = [moments_of(x[start : start + 250]) for start in range(0, 1000, 250)]
    whole = merge(parts)
    again = merge([moments_of(x[start : start + 250]) for start in range(0, 1000, 250)])
    assert np.array_equal(whole.outer_DD, again.outer_DD)
    assert whole.count == 1000
    assert np.allclose(whole.covariance_DD, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-11, atol=1e-14)
    less = whole.without(parts[2])
    assert less.count == 750
    assert np.allclose(less.mean_D, np.delete(x.astype(np.float64), np.s_[500:750], axis=0).mean(axis=0), rtol=1e-12)


def test_what_can_not_be_is_refused():
    x = features(6)
    with pytest.raises(InputError, match="found 24 and 5 features"):
        frechet_distance(moments_of(x), moments_of(x[:, :5]))
    with pytest.raises(InputError, match="features of 1 images, expected at least 2"):
        frechet_distance(moments_of(x), moments_of(x[:1]))
    with pytest.raises(InputError, match="no moments to merge"):
        merge([])
    with pytest.raises(InputError, match=r"moments of \[5, 24\] features, expected one width"):
        merge([moments_of(x), moments_of(x[:, :5])])
    x[3, 1] = np.inf
    with pytest.raises(InputError, match="image 3 are not finite"):
        moments_of(x)
