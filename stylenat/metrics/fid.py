"""Fréchet inception distance, by torch-fidelity's own functions on float64 features.

Covariances divide by N - 1. The value may lie slightly below 0 when N does not exceed D.
Shape suffixes: feature_ND features of N images.
"""

import numpy as np
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from stylenat.metrics._result import Result, check_features

NEEDS = "features"
UNIT = "1"
DIRECTION = "lower"
VERSION = 1
PARAMETERS: frozenset[str] = frozenset()


def compute(real_ND: np.ndarray, fake_ND: np.ndarray) -> Result:
    """The distance of two sets of features.

    Raises:
        InputError: a set has fewer than two rows, widths differ, or a feature is not finite.
    """
    check_features("fid", real_ND, fake_ND)
    fake, real = (fid_features_to_statistics(torch.from_numpy(np.asarray(x, np.float64))) for x in (fake_ND, real_ND))
    value = fid_statistics_to_metric(fake, real, verbose=False)[KEY_METRIC_FID]
    difference_D = fake["mu"] - real["mu"]
    details = {
        "real_count": len(real_ND),
        "fake_count": len(fake_ND),
        "feature_width": real_ND.shape[1],
        "mean_term": float(difference_D @ difference_D),
        "covariance_full_rank": min(len(real_ND), len(fake_ND)) > real_ND.shape[1],
    }
    return Result(value, details)
