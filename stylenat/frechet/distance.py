"""The Fréchet distance of two Gaussians: |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2)) (arXiv 1706.08500).

The trace of the root is the sum of the roots of the eigenvalues of R^T S2 R with R R^T = S1, all real and not negative:
no complex square root, and never anything added to a diagonal. R is S1's Cholesky factor, or comes from its
eigenvectors where S1 is not of full rank. Of fewer images than features, the features themselves give it exactly.
Shape suffixes: feature_ND features of N images, x_DD matrices over features.
"""

import numpy as np
from scipy import linalg

from stylenat.core.errors import InputError
from stylenat.frechet.moments import Moments


def frechet_distance(first: Moments, second: Moments) -> float:
    """The squared distance of two sets, from their moments; symmetric, and at least 0 but for rounding.

    Raises:
        InputError: widths differ, or a set has fewer than two images.
    """
    if first.sum_D.shape != second.sum_D.shape:
        raise InputError(f"found {len(first.sum_D)} and {len(second.sum_D)} features, expected one width")
    root = trace_of_root(first.covariance_DD, second.covariance_DD)
    return _assemble(first, second, root)


def frechet_distance_of_few(first_ND: np.ndarray, second_ND: np.ndarray) -> float:
    """The same from features, exact where there are no more images than features.

    With centred features X1 and X2, the trace of the root is the sum of singular values (nuclear norm) of
    X1 X2^T / sqrt((N1 - 1) (N2 - 1)).
    """
    from stylenat.frechet.moments import moments_of

    first, second = moments_of(first_ND), moments_of(second_ND)
    x_ND, y_ND = (np.asarray(f_ND, np.float64) - m.mean_D for f_ND, m in ((first_ND, first), (second_ND, second)))
    scale = np.sqrt((first.count - 1) * (second.count - 1))
    return _assemble(first, second, float(linalg.svdvals(x_ND @ y_ND.T).sum() / scale))


def trace_of_root(first_DD: np.ndarray, second_DD: np.ndarray) -> float:
    """tr((S1 S2)^(1/2)) of two covariances."""
    factor_DD = factor(first_DD)
    eigenvalue_D = linalg.eigvalsh(factor_DD.T @ second_DD @ factor_DD)
    return float(np.sqrt(eigenvalue_D.clip(min=0)).sum())


def factor(covariance_DD: np.ndarray) -> np.ndarray:
    """R with R R^T = S: Cholesky's where S is positive definite, else from its eigenvectors."""
    try:
        return linalg.cholesky(covariance_DD, lower=True)
    except linalg.LinAlgError:
        eigenvalue_D, vector_DD = linalg.eigh(covariance_DD)
        return vector_DD * np.sqrt(eigenvalue_D.clip(min=0))


def _assemble(first: Moments, second: Moments, root: float) -> float:
    difference_D = first.mean_D - second.mean_D
    traces = np.trace(first.covariance_DD) + np.trace(second.covariance_DD)
    return float(difference_D @ difference_D + traces - 2 * root)
