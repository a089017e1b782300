import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from stylenat.core.errors import InputError
from stylenat.frechet.moments import moments_of
from stylenat.frechet.sample import Sample
from stylenat.metrics import fid

WIDTH = 6


def normal(seed, count=400, width=WIDTH):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def sample(feature_ND, parts=1, features=True):
    """A sample of these features, cut into so many parts."""
    cut = np.array_split(np.asarray(feature_ND), parts)
    return Sample(tuple(moments_of(part) for part in cut), np.asarray(feature_ND) if features else None)


def compute(real, fake, **options):
    return fid.compute(sample(real), sample(fake, **options))


def test_identical_sets_are_at_zero():
    assert abs(compute(normal(0), normal(0)).value) < 1e-9


def test_a_shift_gives_its_square_exactly():
    """Equal covariances: the closed form of two Gaussians is the squared distance of the means."""
    shift = np.linspace(-1, 2, WIDTH)
    real = normal(0).astype(np.float64)
    result = compute(real, real + shift)
    assert result.value == pytest.approx(shift @ shift, rel=1e-9)
    assert result.details["mean_term"] == pytest.approx(shift @ shift, rel=1e-9)


def test_a_scale_gives_its_closed_form():
    """Covariances S and s^2 S: the trace term is (s - 1)^2 tr(S)."""
    real = normal(0).astype(np.float64)
    real -= real.mean(axis=0)
    expected = 0.25 * np.trace(np.cov(real, rowvar=False))
    assert compute(real, 1.5 * real).value == pytest.approx(expected, rel=1e-9)


def test_it_grows_with_the_shift_and_is_symmetric():
    values = [compute(normal(0), normal(1) + np.float32(shift)).value for shift in (0, 0.2, 0.4, 0.8)]
    assert values == sorted(values)
    assert values[0] < 0.5 * values[1]
    assert compute(normal(0), normal(1)).value == pytest.approx(compute(normal(1), normal(0)).value, rel=1e-9)


@pytest.mark.parametrize("count", [400, 5])
def test_it_is_torch_fidelity_s_distance(count):
    """With fewer images than features too, where theirs is good to 1e-5 or so."""
    real, fake = normal(0, count).astype(np.float64), 1.2 * normal(1, count + 3).astype(np.float64)
    theirs = [fid_features_to_statistics(torch.from_numpy(x)) for x in (fake, real)]
    expected = fid_statistics_to_metric(*theirs, verbose=False)[KEY_METRIC_FID]
    assert compute(real, fake).value == pytest.approx(expected, rel=1e-9 if count > WIDTH else 1e-4)


def test_few_images_take_the_exact_way_and_counts_are_told():
    few = compute(normal(0, count=5), normal(1, count=9)).details
    assert (few["real_count"], few["fake_count"], few["feature_width"]) == (5, 9, WIDTH)
    assert (few["covariance_full_rank"], few["route"]) == (False, "nuclear norm of features")
    many = compute(normal(0), normal(1)).details
    assert (many["covariance_full_rank"], many["route"]) == (True, "eigenvalues of moments")
    moments = fid.compute(sample(normal(0, 5), features=False), sample(normal(1, 9)))
    assert moments.details["route"] == "eigenvalues of moments"
    assert moments.value == pytest.approx(compute(normal(0, 5), normal(1, 9)).value, rel=1e-6)


def test_the_standard_error_is_the_spread_over_draws():
    """Draws of a set that differs from the reals by far more than the bias, where first order is exact."""
    real = normal(0, 2000)
    drawn = [compute(real, 1.3 * normal(seed, 800) + 0.2) for seed in range(1, 61)]
    spread = np.std([result.value for result in drawn], ddof=1)
    found = np.mean([result.standard_error.value for result in drawn])
    assert {result.standard_error.method for result in drawn} == {"influence function"}
    assert found == pytest.approx(spread, rel=0.25)
    of_moments = [compute(real, 1.3 * normal(seed, 800) + 0.2, parts=20, features=False) for seed in range(1, 21)]
    assert {result.standard_error.method for result in of_moments} == {"jackknife"}
    assert np.mean([result.standard_error.value for result in of_moments]) == pytest.approx(spread, rel=0.4)


def test_the_value_at_infinity_is_without_the_fakes_bias():
    """Fakes from the reals' own distribution: the reals' bias alone is left."""
    real = normal(0, 50_000)
    drawn = [compute(real, normal(seed, 200)) for seed in range(1, 41)]
    at_n = np.mean([result.value for result in drawn])
    at_infinity = np.mean([result.details["fid_infinity"]["value"] for result in drawn])
    assert at_n > 0.05
    assert abs(at_infinity) < 0.2 * at_n
    assert {result.details["fid_infinity"]["groups"] for result in drawn} == {20}


def test_parts_of_one_size_are_the_groups_and_other_parts_are_not():
    real, fake = normal(0), normal(1, 120)
    parts = compute(real, fake, parts=10).details["fid_infinity"]
    assert parts["groups"] == 10
    assert parts == compute(real, fake, parts=10, features=False).details["fid_infinity"]
    assert compute(real, fake, parts=7).details["fid_infinity"]["groups"] == 20
    assert compute(real, fake, parts=7, features=False).details["fid_infinity"] is None


def test_without_enough_images_there_is_no_error_and_a_reason():
    result = compute(normal(0), normal(1, WIDTH))
    assert result.standard_error is None
    assert result.details["fid_infinity"] is None
    assert "more images than their width" in result.details["why_no_standard_error"]
    barely = compute(normal(0), normal(1, WIDTH + 1))
    assert barely.standard_error is not None
    assert barely.details["fid_infinity"] is None


def test_unusable_features_are_refused():
    with pytest.raises(InputError, match="found 1 fake images, expected at least 2"):
        compute(normal(0), normal(1, count=1))
    with pytest.raises(InputError, match="found 6 real and 5 fake features"):
        compute(normal(0), normal(1, width=5))
