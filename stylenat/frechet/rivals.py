"""Two estimators of the field that no record rests on: they are here to be compared with those that one does.

Shape suffixes: fake_ND features of N images, weight_BN how often each image is in each of B sets, x_BDD over features.
"""

import numpy as np

from stylenat.frechet.distance import factor
from stylenat.frechet.moments import Moments


def regression_at_infinity(fake_ND: np.ndarray, real: Moments, sizes: int, rng: np.random.Generator) -> float:
    """The distance at infinitely many fakes: a straight line in 1 / N through random subsets, read off at 0.

    The subsets grow evenly from a tenth of the fakes to all of them (arXiv 1911.07023; its quasi-random latents, which
    change the sampling itself, are left out).
    """
    count = len(fake_ND)
    size_B = np.linspace(count // 10, count, sizes).astype(int)
    weight_BN = np.stack([rng.permutation(count) < size for size in size_B]).astype(np.float64)
    return float(np.polyfit(1 / size_B, distances_of(weight_BN, fake_ND, real), 1)[1])


def bootstrap(fake_ND: np.ndarray, real: Moments, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Distances of the fakes drawn again from themselves, with repeats: the plain bootstrap's whole distribution.

    Each such set is as biased against the draw as the draw is against the truth, so the bias counts twice.
    """
    count = len(fake_ND)
    weight_BN = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    return distances_of(weight_BN, fake_ND, real)


def distances_of(weight_BN: np.ndarray, fake_ND: np.ndarray, real: Moments) -> np.ndarray:
    """The distances of many sets from the same images, (B,): all at once, with the root of the reals' side."""
    count_B = weight_BN.sum(axis=1)
    mean_BD = weight_BN @ fake_ND / count_B[:, None]
    outer_BDD = (weight_BN[:, None, :] * fake_ND.T) @ fake_ND
    centred_BDD = outer_BDD - count_B[:, None, None] * mean_BD[:, :, None] * mean_BD[:, None, :]
    covariance_BDD = centred_BDD / (count_B - 1)[:, None, None]
    factor_DD = factor(real.covariance_DD)
    eigenvalue_BD = np.linalg.eigvalsh(factor_DD.T @ covariance_BDD @ factor_DD)
    traces_B = np.trace(covariance_BDD, axis1=1, axis2=2) + np.trace(real.covariance_DD)
    root_B = np.sqrt(eigenvalue_BD.clip(min=0)).sum(axis=1)
    return ((mean_BD - real.mean_D) ** 2).sum(axis=1) + traces_B - 2 * root_B
