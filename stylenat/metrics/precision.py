"""Precision: the share of generated images that lie in the manifold of the real ones (arXiv:1904.06991).

Shape suffixes: feature_ND features of N images.
"""

import numpy as np

from stylenat.metrics._manifold import details, precision_and_recall
from stylenat.metrics._result import Result

NEEDS = "features"
UNIT = "1"
DIRECTION = "higher"
VERSION = 1
PARAMETERS = frozenset({"neighborhood"})


def compute(real_ND: np.ndarray, fake_ND: np.ndarray, *, neighborhood: int = 3) -> Result:
    """The precision of two sets of features; `neighborhood` is k of the k-th nearest neighbour.

    Raises:
        InputError: features are unusable, or a set has no more images than `neighborhood`.
    """
    value, _ = precision_and_recall("precision", real_ND, fake_ND, neighborhood)
    return Result(value, details(real_ND, fake_ND, neighborhood))
