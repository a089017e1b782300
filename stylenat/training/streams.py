"""Which images and numbers a step sees: functions of (seed, position) alone, so that nothing random is stored.

Shape suffixes: pixel_BCHW uint8 images.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch

from stylenat.core.seeds import generator_at


class Images(Protocol):
    """A set of images with random access, like `data.view.PreparedImages`."""

    resolution: int
    fingerprint: str

    def __len__(self) -> int:
        """The number of images."""
        ...

    def images_at(self, indices: Sequence[int], mirrored: Sequence[bool] | None = None) -> torch.Tensor:
        """Images at the indices, uint8 (B, 3, H, W); mirrored ones left to right."""
        ...


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return generator_at(seed, "order", epoch).permutation(count)


def indices_at(seed: int, places: range, count: int) -> list[int]:
    """Which image stands at each place of the endless, shuffled sequence over a set of `count`."""
    return [int(_order(seed, place // count, count)[place % count]) for place in places]


def real_pixels(images: Images, seed: int, places: range, flips: bool) -> torch.Tensor:
    """The real images of some places of the sequence, mirrored at random when `flips`: uint8 (B, 3, H, W)."""
    indices = indices_at(seed, places, len(images))
    if not flips:
        return images.images_at(indices)
    return images.images_at(indices, [bool(generator_at(seed, "flip", place).random() < 0.5) for place in places])
