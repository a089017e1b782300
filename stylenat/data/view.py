"""Random access to a prepared set, memory-mapped: the only reader of shards.

Shape suffixes: pixel_BCHW uint8 images (B images, C 3, H = W resolution).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylenat.core.errors import InputError
from stylenat.data.manifest import Manifest, Shard, read_manifest


class PreparedImages:
    """The images of a prepared set by index; cheap to open, safe to hand to worker processes."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._folder = folder
        self._starts = np.cumsum([0, *(shard.count for shard in manifest.shards)])
        self._maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        """The number of images."""
        return self._manifest.count

    @property
    def resolution(self) -> int:
        """Side of an image in px."""
        return self._manifest.resolution

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all pixels in order, in hex."""
        return self._manifest.fingerprint

    @property
    def names(self) -> list[str]:
        """The raw images' names, in order."""
        return list(self._manifest.names)

    def images_at(self, indices: Sequence[int]) -> torch.Tensor:
        """Images at the given indices (any order, repeats allowed): uint8 (B, 3, H, W).

        Raises:
            IndexError: an index lies outside 0 <= index < len.
        """
        pixel_BCHW = np.empty((len(indices), 3, self.resolution, self.resolution), dtype=np.uint8)
        for row, index in enumerate(map(int, indices)):
            if not 0 <= index < len(self):
                raise IndexError(f"image {index} of a set of {len(self)}")
            number = int(np.searchsorted(self._starts, index, side="right")) - 1
            pixel_BCHW[row] = self._shard(number)[index - self._starts[number]]
        return torch.from_numpy(pixel_BCHW)

    def _shard(self, number: int) -> np.ndarray:
        if number not in self._maps:
            self._maps[number] = _open_shard(self._folder, self._manifest.shards[number], self.resolution)
        return self._maps[number]

    def __getstate__(self) -> dict[str, Any]:
        """State without the maps: a pickled memory map would carry its pixels along."""
        return {**self.__dict__, "_maps": {}}


def open_prepared(manifest: Path) -> PreparedImages:
    """Open a prepared set; a missing or torn shard raises InputError with its name."""
    manifest = Path(manifest)
    content = read_manifest(manifest)
    for shard in content.shards:
        _open_shard(manifest.parent, shard, content.resolution)
    return PreparedImages(content, manifest.parent)


def _open_shard(folder: Path, shard: Shard, resolution: int) -> np.ndarray:
    path = folder / shard.file
    try:
        images = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise InputError(f"{path}: this shard of a prepared set is missing; prepare the set again") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole .npy file ({error}); prepare the set again") from None
    expected = (shard.count, 3, resolution, resolution)
    if images.shape != expected or images.dtype != np.uint8:
        raise InputError(f"{path}: found {images.dtype} {images.shape}, expected uint8 {expected}")
    return images
