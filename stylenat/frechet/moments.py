"""Float64 moments of features, gathered shard by shard and merged in the shards' order.

The same shards give the same bits, however many processes made them.
Shape suffixes: feature_ND features of N images; sum_D, outer_DD sums over images of x and of x x^T.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from stylenat.core.errors import InputError

LEAST_IMAGES = 2  # a covariance needs two


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of outer products: all that a Fréchet distance asks of a set."""

    count: int
    sum_D: np.ndarray
    outer_DD: np.ndarray

    @cached_property
    def mean_D(self) -> np.ndarray:
        """The mean of the features."""
        return self.sum_D / self.count

    @cached_property
    def covariance_DD(self) -> np.ndarray:
        """The covariance, divided by N - 1 and symmetric to the bit; fewer than two images raise InputError."""
        if self.count < LEAST_IMAGES:
            raise InputError(f"found features of {self.count} images, expected at least {LEAST_IMAGES}")
        centred_DD = self.outer_DD - np.outer(self.sum_D, self.mean_D)
        return (centred_DD + centred_DD.T) / (2 * (self.count - 1))

    def without(self, part: "Moments") -> "Moments":
        """The moments of the set without one of its parts."""
        return Moments(self.count - part.count, self.sum_D - part.sum_D, self.outer_DD - part.outer_DD)


def moments_of(feature_ND: np.ndarray) -> Moments:
    """The moments of some images' features; one that is not finite raises InputError with its row."""
    wrong = np.flatnonzero(~np.isfinite(feature_ND).all(axis=1))
    if wrong.size:
        raise InputError(f"the features of image {wrong[0]} are not finite ({wrong.size} such images)")
    x_ND = np.asarray(feature_ND, np.float64)
    outer_DD = x_ND.T @ x_ND
    outer_DD = np.tril(outer_DD) + np.tril(outer_DD, -1).T  # symmetric to the bit, as a packed one is
    return Moments(len(x_ND), x_ND.sum(axis=0), outer_DD)


def pack(outer_DD: np.ndarray) -> np.ndarray:
    """The lower triangle of a symmetric matrix, row by row, (D (D + 1) / 2,)."""
    return outer_DD[np.tril_indices(len(outer_DD))]


def unpack(packed: np.ndarray, width: int) -> np.ndarray:
    """The symmetric matrix, (width, width), of a packed lower triangle."""
    outer_DD = np.empty((width, width), packed.dtype)
    rows, columns = np.tril_indices(width)
    outer_DD[rows, columns] = packed
    outer_DD[columns, rows] = packed
    return outer_DD


def merge(parts: Sequence[Moments]) -> Moments:
    """The moments of a set from those of its parts, added in the order given.

    Raises:
        InputError: there is no part, or their widths differ.
    """
    if not parts:
        raise InputError("found no moments to merge")
    widths = {part.sum_D.shape for part in parts}
    if len(widths) > 1:
        raise InputError(f"found moments of {sorted(shape[0] for shape in widths)} features, expected one width")
    return reduce(_add, parts)


def _add(one: Moments, other: Moments) -> Moments:
    return Moments(one.count + other.count, one.sum_D + other.sum_D, one.outer_DD + other.outer_DD)
