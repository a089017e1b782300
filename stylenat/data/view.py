"""Random access to a prepared set, memory-mapped: the only reader of shards.

Shape suffixes: pixel_BCHW uint8 images (B images, C 3, H = W resolution).
"""

import bisect
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylenat.core.errors import InputError, nearest
from stylenat.data.manifest import Manifest, Shard, read_manifest


class PreparedImages:
    """The images of a prepared set by index; cheap to open, safe to hand to worker processes."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._folder = folder
        self._starts = [0, *itertools.accumulate(shard.count for shard in manifest.shards)]
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

    def subset(self, name: str) -> list[int]:
        """The indices of a named subset, in the order drawn; an unknown name raises InputError with the nearest one."""
        subsets = self._manifest.subsets
        if name not in subsets:
            raise InputError(f"data set '{self._manifest.dataset}' has no subset '{name}'; {nearest(name, subsets)}")
        return list(subsets[name])

    def split(self, name: str) -> range:
        """The indices of a named split; an unknown name raises InputError with the nearest one."""
        splits = self._manifest.splits
        if name not in splits:
            raise InputError(f"data set '{self._manifest.dataset}' has no split '{name}'; {nearest(name, splits)}")
        return range(*splits[name])

    def images_at(self, indices: Sequence[int], mirrored: Sequence[bool] | None = None) -> torch.Tensor:
        """Images at the given indices (any order, repeats allowed): uint8 (B, 3, H, W); mirrored ones left to right.

        Raises:
            IndexError: an index lies outside 0 <= index < len.
        """
        pixel_BCHW = np.empty((len(indices), 3, self.resolution, self.resolution), dtype=np.uint8)
        flips = itertools.repeat(False) if mirrored is None else mirrored
        for pixel_CHW, index, flip in zip(pixel_BCHW, indices, flips, strict=mirrored is not None):
            copy = _copy_mirrored if flip else np.copyto
            copy(pixel_CHW, self._image(int(index)))
        return torch.from_numpy(pixel_BCHW)

    def _image(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of a set of {len(self)}")
        number = bisect.bisect_right(self._starts, index) - 1
        return self._shard(number)[index - self._starts[number]]

    def _shard(self, number: int) -> np.ndarray:
        if number not in self._maps:
            mapped = _open_shard(self._folder, self._manifest.shards[number], self.resolution)
            self._maps[number] = np.asarray(mapped)  # indexing the map itself costs more than copying an image
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


def _copy_mirrored(out_CHW: np.ndarray, image_CHW: np.ndarray) -> None:
    """Copy an image from right to left, through views and in one pass.

    Eight pixels at a time: a word read with its bytes in one order and written in the other is mirrored. One by one
    takes twice as long.
    """
    if image_CHW.shape[2] % 8:
        np.copyto(out_CHW, image_CHW[:, :, ::-1])
    else:
        np.copyto(out_CHW.view("<u8"), image_CHW.view(">u8")[:, :, ::-1])


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
