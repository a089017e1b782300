"""Precision and recall by torch-fidelity's own functions (arXiv:1904.06991), shared by the two metrics.

A set's manifold is the union of balls around its images, each out to the image's k-th nearest neighbour in the set.
Shape suffixes: feature_ND features of N images.
"""

from typing import Any

import numpy as np
import torch
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from stylenat.core.errors import InputError
from stylenat.metrics._result import check_features, check_integer

ROWS_AT_ONCE = 2000  # bounds the memory of distances; the numbers do not depend on it


def precision_and_recall(
    metric: str, real_ND: np.ndarray, fake_ND: np.ndarray, neighborhood: int
) -> tuple[float, float]:
    """The share of fakes in the reals' manifold, and of reals in the fakes'; distances in float64.

    Raises:
        InputError: features are unusable, or a set has no more images than `neighborhood`; begins with `metric`.
    """
    check_features(metric, real_ND, fake_ND)
    check_integer(metric, "neighborhood", neighborhood, 1)
    smallest = min(len(real_ND), len(fake_ND))
    if neighborhood >= smallest:
        raise InputError(
            f"metric '{metric}': neighborhood is {neighborhood}, but the smaller set has {smallest} images"
        )
    fake, real = (torch.from_numpy(np.asarray(table, np.float64)) for table in (fake_ND, real_ND))
    found = prc_features_to_metric(
        fake, real, prc_neighborhood=neighborhood, prc_batch_size=ROWS_AT_ONCE, save_cpu_ram=True, verbose=False
    )
    return found[KEY_METRIC_PRECISION], found[KEY_METRIC_RECALL]


def details(real_ND: np.ndarray, fake_ND: np.ndarray, neighborhood: int) -> dict[str, Any]:
    """What belongs to either number."""
    return {
        "real_count": len(real_ND),
        "fake_count": len(fake_ND),
        "feature_width": real_ND.shape[1],
        "neighborhood": neighborhood,
    }
