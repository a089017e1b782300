"""The rows of a table of features that a protocol asks for.

Shape suffixes: feature_ND features of N images.
"""

import numpy as np

from stylenat.core.errors import InputError
from stylenat.core.seeds import subset


def first_rows(feature_ND: np.ndarray, count: int, where: str) -> np.ndarray:
    """The first `count` rows; a shorter table raises InputError, which starts with `where`."""
    _check_count(feature_ND, count, where)
    return feature_ND[:count]


def random_rows(feature_ND: np.ndarray, count: int | None, seed: int, where: str) -> np.ndarray:
    """`count` different rows, drawn from (seed, "reals") alone; all rows in order when `count` is None."""
    if count is None:
        return feature_ND
    _check_count(feature_ND, count, where)
    return feature_ND[subset(seed, count, len(feature_ND))]


def _check_count(feature_ND: np.ndarray, count: int, where: str) -> None:
    if len(feature_ND) < count:
        raise InputError(f"{where}: found features of {len(feature_ND)} images, expected at least {count}")
