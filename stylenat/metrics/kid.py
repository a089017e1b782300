"""Kernel inception distance, by torch-fidelity's own function: polynomial kernel, unbiased, mean over subsets.

Shape suffixes: feature_ND features of N images.
"""

import numpy as np
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from stylenat.core.errors import InputError
from stylenat.metrics._result import Result, check_features, check_integer

NEEDS = "features"
UNIT = "1"
DIRECTION = "lower"
VERSION = 1
PARAMETERS = frozenset({"subset_size", "subsets", "degree", "rng_seed"})


def compute(
    real_ND: np.ndarray,
    fake_ND: np.ndarray,
    *,
    subset_size: int = 1000,
    subsets: int = 100,
    degree: int = 3,
    rng_seed: int = 2020,
) -> Result:
    """The distance of two sets of features; kernel (x . y / D + 1) ** degree, in float64.

    Raises:
        InputError: features are unusable, or a subset is larger than a set.
    """
    _check(real_ND, fake_ND, subset_size, subsets, degree, rng_seed)
    found = _distance(real_ND, fake_ND, subset_size, subsets, degree, rng_seed)
    details = {
        "real_count": len(real_ND),
        "fake_count": len(fake_ND),
        "feature_width": real_ND.shape[1],
        "subset_size": subset_size,
        "subsets": subsets,
        "sd_over_subsets": found[KEY_METRIC_KID_STD],
    }
    return Result(found[KEY_METRIC_KID_MEAN], details)


def _distance(
    real_ND: np.ndarray, fake_ND: np.ndarray, subset_size: int, subsets: int, degree: int, rng_seed: int
) -> dict[str, float]:
    fake, real = (torch.from_numpy(np.asarray(table, np.float64)) for table in (fake_ND, real_ND))
    return kid_features_to_metric(
        fake,
        real,
        kid_subsets=subsets,
        kid_subset_size=subset_size,
        kid_kernel="poly",
        kid_kernel_poly_degree=degree,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
        rng_seed=rng_seed,
        verbose=False,
    )


def _check(
    real_ND: np.ndarray, fake_ND: np.ndarray, subset_size: int, subsets: int, degree: int, rng_seed: int
) -> None:
    check_features("kid", real_ND, fake_ND)
    check_integer("kid", "subset_size", subset_size, 2)
    check_integer("kid", "subsets", subsets, 1)
    check_integer("kid", "degree", degree, 1)
    check_integer("kid", "rng_seed", rng_seed, 0)
    smallest = min(len(real_ND), len(fake_ND))
    if subset_size > smallest:
        raise InputError(f"metric 'kid': subset_size is {subset_size}, but the smaller set has {smallest} images")
