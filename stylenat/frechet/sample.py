"""One side of a comparison: some images' moments in parts, and their features where those are at hand.

Shape suffixes: feature_ND features of N images.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stylenat.frechet.moments import Moments, merge

MOST_GROUPS = 20


@dataclass(frozen=True)
class Sample:
    """Moments of the parts of a set, in their order; the features of all of it are more, and may be missing."""

    parts: tuple[Moments, ...]
    feature_ND: np.ndarray | None = None

    @cached_property
    def whole(self) -> Moments:
        """The moments of all images."""
        return merge(self.parts)

    @property
    def count(self) -> int:
        """The number of images."""
        return self.whole.count

    @property
    def width(self) -> int:
        """The number of features of an image."""
        return len(self.whole.sum_D)


def groups_of(count: int) -> int:
    """Into how many groups of one size a jackknife cuts a set: a divisor of its count, at most MOST_GROUPS."""
    return max(groups for groups in range(1, MOST_GROUPS + 1) if count % groups == 0)
