"""Statistics of a set of images under a detector, kept shard by shard under a key of their content.

The key is the SHA-256 of all that decides the numbers: the images (a snapshot's SHA-256, architecture, code and seed,
or a prepared set's fingerprint), the detector (its weights' SHA-256, layer, code and libraries), batch and shard size.
A shard file holds the key in full, and its name says which images it is of; so nothing is ever found by a mere name.
Shape suffixes: feature_ND float32 features of N images.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_json
from stylenat.core.passes import SHARD_IMAGES
from stylenat.frechet.moments import Moments, moments_of, pack, unpack

KEY_DIGITS = 32  # of a key, in a folder's name
ABOUT = "about"  # the name of the metadata
UNREADABLE = (OSError, ValueError, KeyError, TypeError, SafetensorError)


@dataclass(frozen=True)
class Kept:
    """What is kept of each shard."""

    moments: bool
    features: bool

    def __or__(self, other: "Kept") -> "Kept":
        """What either keeps."""
        return Kept(self.moments or other.moments, self.features or other.features)

    def covers(self, other: "Kept") -> bool:
        """Whether nothing of what `other` keeps is missing here."""
        return self | other == self


@dataclass(frozen=True)
class ShardStatistics:
    """What is kept of the images of one shard, and the device that saw them."""

    count: int
    width: int
    moments: Moments | None
    feature_ND: np.ndarray | None
    device: Mapping[str, Any]

    @property
    def kept(self) -> Kept:
        """What is there."""
        return Kept(self.moments is not None, self.feature_ND is not None)

    def as_moments(self) -> Moments:
        """The moments, stored or taken from the features."""
        return self.moments if self.moments is not None else moments_of(self.feature_ND)


def make_shard(feature_ND: np.ndarray, kept: Kept, device: Mapping[str, Any]) -> ShardStatistics:
    """Statistics of one shard's features, which must be finite."""
    moments = moments_of(feature_ND) if kept.moments else None
    features = np.ascontiguousarray(feature_ND, np.float32) if kept.features else None
    return ShardStatistics(*feature_ND.shape, moments, features, device)


def key_of(parts: Mapping[str, Any]) -> str:
    """The key, 64 hex digits, of what decides the numbers."""
    return sha256_json(parts)


def shard_path(folder: Path, key: str, start: int, stop: int) -> Path:
    """Where the statistics of images start ... stop - 1 lie."""
    return Path(folder) / key[:KEY_DIGITS] / f"{start:07d}-{stop:07d}.safetensors"


def shard_ranges(count: int, size: int = SHARD_IMAGES) -> list[range]:
    """The images of each shard; the last may be of fewer."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def write_shard(path: Path, key: str, shard: ShardStatistics) -> None:
    """Write a shard's statistics, whole or not at all."""
    tensors = {}
    if shard.moments is not None:
        tensors = {"sum": shard.moments.sum_D, "outer": pack(shard.moments.outer_DD)}
    if shard.feature_ND is not None:
        tensors["features"] = shard.feature_ND
    about = {"key": key, "count": shard.count, "width": shard.width, "device": dict(shard.device)}
    metadata = {ABOUT: json.dumps(about, sort_keys=True)}  # one entry: the format keeps no order of several
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata)


def read_shard(path: Path, key: str) -> ShardStatistics:
    """Read a shard's statistics.

    Raises:
        InputError: the file can't be read, holds the statistics of another key, or is not what it says it is.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[ABOUT])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        count, width, device, found_key = (about[name] for name in ("count", "width", "device", "key"))
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable file of statistics ({' '.join(str(error).split())})") from None
    if found_key != key:
        raise InputError(f"{path}: holds the statistics of key {found_key}, expected {key}")
    shapes = {"sum": (width,), "outer": (width * (width + 1) // 2,), "features": (count, width)}
    for name, tensor in tensors.items():
        if tensor.shape != shapes.get(name):
            raise InputError(f"{path}: '{name}' has shape {tensor.shape}, expected {shapes.get(name)}")
    moments = None
    if "sum" in tensors and "outer" in tensors:
        moments = Moments(count, tensors["sum"], unpack(tensors["outer"], width))
    return ShardStatistics(count, width, moments, tensors.get("features"), device)
