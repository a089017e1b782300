"""What every metric gives back, and the checks that metrics share.

Shape suffixes: feature_ND float features of N images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stylenat.core.errors import InputError, nearest
from stylenat.core.records import StandardError

MIN_IMAGES = 2  # a covariance needs two


@dataclass(frozen=True)
class Result:
    """A number with what belongs to it: parts, rounds, counts; and the backend switches, where a metric set them."""

    value: float
    details: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)  # that it was measured on, where a metric says it
    standard_error: StandardError | None = None


def check_names(metric: str, given: Mapping[str, Any], accepted: frozenset[str]) -> None:
    """Refuse a parameter that a metric does not know, with the nearest one that it does."""
    for name in given:
        if name not in accepted:
            raise InputError(f"metric '{metric}' has no parameter '{name}'; {nearest(name, accepted)}")


def check_integer(metric: str, name: str, value: Any, minimum: int) -> None:
    """Refuse a parameter that is no whole number or lies below its minimum."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise InputError(f"metric '{metric}': {name} is {value!r}, expected a whole number of at least {minimum}")


def check_flag(metric: str, name: str, value: Any) -> None:
    """Refuse a parameter that is neither true nor false."""
    if not isinstance(value, bool):
        raise InputError(f"metric '{metric}': {name} is {value!r}, expected true or false")


def check_features(metric: str, real_ND: np.ndarray, fake_ND: np.ndarray) -> None:
    """Refuse features that are not two finite tables of one width with at least two rows."""
    for name, table in (("real", real_ND), ("fake", fake_ND)):
        if table.ndim != 2 or len(table) < MIN_IMAGES:
            raise InputError(
                f"metric '{metric}': found {name} features of shape {table.shape}, expected (N, D), N >= {MIN_IMAGES}"
            )
        if not np.isfinite(table).all():
            raise InputError(f"metric '{metric}': the {name} features are not all finite")
    if real_ND.shape[1] != fake_ND.shape[1]:
        raise InputError(f"metric '{metric}': found {real_ND.shape[1]} real and {fake_ND.shape[1]} fake features")
