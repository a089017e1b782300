"""How sure a Fréchet distance of one run is, and what it would be without the bias of a finite number of images.

Both speak of the fakes: the reals are the fixed reference of a protocol.
Shape suffixes: feature_ND features of N images, x_DD matrices over features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from stylenat.core.errors import InputError
from stylenat.frechet.distance import frechet_distance
from stylenat.frechet.moments import Moments, merge, moments_of

LEAST_GROUPS = 5


@dataclass(frozen=True)
class Jackknife:
    """The distance at an infinite number of fakes, and its standard error."""

    value: float
    standard_error: float


def influence_standard_error(fake_ND: np.ndarray, real: Moments) -> float:
    """The standard error of the distance over draws of the fakes, from one draw.

    The influence of an image x is 2 (mg - mr).(x - mg) + (x - mg)^T (I - T) (x - mg) less its mean, with
    T = Sg^(-1/2) (Sg^(1/2) Sr Sg^(1/2))^(1/2) Sg^(-1/2), the map that carries the fakes' covariance to the reals'.
    It is of first order, and on the safe side, too large, where the distance is small beside its own bias.

    Raises:
        InputError: the fakes' covariance has no inverse: there are not more images than features.
    """
    fake = moments_of(fake_ND)
    transport_DD = _transport(fake.covariance_DD, real.covariance_DD)
    centred_ND = np.asarray(fake_ND, np.float64) - fake.mean_D
    linear_N = 2 * centred_ND @ (fake.mean_D - real.mean_D)
    square_N = np.einsum("nd,nd->n", centred_ND @ (np.eye(len(transport_DD)) - transport_DD), centred_ND)
    return float(np.std(linear_N + square_N, ddof=1) / np.sqrt(fake.count))


def _transport(fake_DD: np.ndarray, real_DD: np.ndarray) -> np.ndarray:
    """With Sg = L L^T: L^-T (L^T Sr L)^(1/2) L^-1, which is the same map from Cholesky's factor."""
    try:
        lower_DD = linalg.cholesky(fake_DD, lower=True)
    except linalg.LinAlgError:
        raise InputError("the covariance of the fakes has no inverse: more images than features are needed") from None
    eigenvalue_D, vector_DD = linalg.eigh(lower_DD.T @ real_DD @ lower_DD)
    half_DD = linalg.solve_triangular(lower_DD, vector_DD * eigenvalue_D.clip(min=0) ** 0.25, lower=True, trans="T")
    return half_DD @ half_DD.T


def jackknife(parts: Sequence[Moments], real: Moments) -> Jackknife:
    """The distance at infinitely many fakes by leaving out one group of them after the other.

    The bias falls with 1 / N, so G theta - (G - 1) mean(theta without group g) has none of first order. Groups of one
    size are assumed.

    Raises:
        InputError: there are fewer than LEAST_GROUPS groups, or they differ in size.
    """
    groups = len(parts)
    if groups < LEAST_GROUPS or len({part.count for part in parts}) > 1:
        sizes = sorted({part.count for part in parts})
        raise InputError(f"found {groups} groups of {sizes} images, expected at least {LEAST_GROUPS} of one size")
    whole = merge(parts)
    less_G = np.array([frechet_distance(whole.without(part), real) for part in parts])
    value = groups * frechet_distance(whole, real) - (groups - 1) * less_G.mean()
    spread = (groups - 1) / groups * ((less_G - less_G.mean()) ** 2).sum()
    return Jackknife(float(value), float(np.sqrt(spread)))
