import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.metrics import fid

WIDTH = 6


def normal(seed, count=400, width=WIDTH):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def test_identical_sets_are_at_zero():
    assert abs(fid.compute(normal(0), normal(0)).value) < 1e-6


def test_a_shift_gives_its_square_exactly():
    """Equal covariances: the closed form of two Gaussians is the squared distance of the means."""
    shift = np.linspace(-1, 2, WIDTH)
    real = normal(0).astype(np.float64)
    result = fid.compute(real, real + shift)
    assert result.value == pytest.approx(shift @ shift, rel=1e-9)
    assert result.details["mean_term"] == pytest.approx(shift @ shift, rel=1e-9)


def test_a_scale_gives_its_closed_form():
    """Covariances S and s^2 S: the trace term is (s - 1)^2 tr(S)."""
    real = normal(0).astype(np.float64)
    real -= real.mean(axis=0)
    expected = 0.25 * np.trace(np.cov(real, rowvar=False))
    assert fid.compute(real, 1.5 * real).value == pytest.approx(expected, rel=1e-6)


def test_it_grows_with_the_shift_and_is_symmetric():
    values = [fid.compute(normal(0), normal(1) + np.float32(shift)).value for shift in (0, 0.2, 0.4, 0.8)]
    assert values == sorted(values)
    assert values[0] < 0.5 * values[1]
    assert fid.compute(normal(0), normal(1)).value == pytest.approx(fid.compute(normal(1), normal(0)).value, rel=1e-6)


def test_counts_and_rank_are_told():
    details = fid.compute(normal(0, count=5), normal(1, count=9)).details
    assert (details["real_count"], details["fake_count"], details["feature_width"]) == (5, 9, WIDTH)
    assert not details["covariance_full_rank"]
    assert fid.compute(normal(0), normal(1)).details["covariance_full_rank"]


def test_unusable_features_are_refused():
    with pytest.raises(InputError, match=r"fake features of shape \(1, 6\), expected"):
        fid.compute(normal(0), normal(1, count=1))
    with pytest.raises(InputError, match="found 6 real and 5 fake features"):
        fid.compute(normal(0), normal(1, width=5))
    broken = normal(1)
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="the fake features are not all finite"):
        fid.compute(normal(0), broken)
