"""The manifest of a prepared set: its images in order, its shards, and one fingerprint over all pixels.

A shard is a `.npy` file of uint8 images (N, 3, H, W), N at most SHARD_IMAGES, beside the manifest.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from stylenat.core.files import read_json, write_json
from stylenat.core.strict import Strict, parse

SCHEMA_VERSION = 2
SHARD_IMAGES = 256


class Shard(Strict):
    """One file of images; `file` is relative to the manifest's folder."""

    file: str
    count: PositiveInt
    sha256: str


class Manifest(Strict):
    """A prepared set. Image i has names[i]; md5s are over the (H, W, 3) bytes, as in FFHQ's own list."""

    schema_version: Literal[2] = SCHEMA_VERSION
    dataset: str
    count: PositiveInt
    resolution: PositiveInt
    resize_filter: str
    library: str  # whose code resized, and its version
    decoder: str  # whose code decoded, and its version
    checklist: str | None  # MD5 of the list that every raw image agreed with; none: nothing said what they must be
    fingerprint: str
    shards: Annotated[list[Shard], Field(min_length=1)]
    splits: dict[str, tuple[NonNegativeInt, PositiveInt]]  # first image, and one past the last
    subsets: dict[str, list[NonNegativeInt]]  # images drawn from a seed, in the order drawn
    names: list[str]
    source_md5: list[str]  # of the decoded raw image
    pixel_md5: list[str]  # of the prepared image

    @model_validator(mode="after")
    def _consistent(self) -> "Manifest":
        counts = {sum(shard.count for shard in self.shards), len(self.names), len(self.source_md5), len(self.pixel_md5)}
        if counts != {self.count}:
            raise ValueError(f"shards, names and md5s count {sorted(counts)} images, expected {self.count}")
        if self.fingerprint != fingerprint(self.pixel_md5, self.resolution):
            raise ValueError("the fingerprint does not belong to the md5s listed")
        for name, indices in self.subsets.items():
            if len(set(indices)) != len(indices) or max(indices, default=0) >= self.count:
                raise ValueError(f"subset '{name}' holds an image twice, or one that is not in the set")
        return self


def fingerprint(pixel_md5: Sequence[str], resolution: int) -> str:
    """SHA-256 over the resolution and the ordered md5s: equal exactly when the sets are, pixel for pixel."""
    text = "\n".join([str(resolution), *pixel_md5])
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest atomically."""
    write_json(path, manifest.model_dump(mode="json"))


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest; a fault raises InputError with the file's name."""
    return parse(read_json(path), Manifest, str(path))
