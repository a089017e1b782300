"""The statistics of a set of images under several detectors: a manifest over shards, and what metrics take from it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import PositiveInt

from stylenat.core.errors import InputError, nearest
from stylenat.core.files import read_json, sha256_file, write_json
from stylenat.core.seeds import subset
from stylenat.core.strict import Strict, parse
from stylenat.features.statistics import ShardStatistics, read_shard, shard_ranges
from stylenat.frechet.moments import Moments, moments_of
from stylenat.frechet.sample import Sample


class ShardFile(Strict):
    """One shard's file, relative to the manifest's folder."""

    file: str
    count: PositiveInt
    sha256: str


class OfDetector(Strict):
    """One detector's statistics of the set."""

    key: str
    preprocessing: str
    weights_sha256: str
    shards: list[ShardFile]


class Collection(Strict):
    """What images there were, and where their statistics lie."""

    schema_version: Literal[1] = 1
    images: dict[str, Any]  # what decides them
    count: PositiveInt
    shard_images: PositiveInt
    devices: list[str]  # that generated or saw them
    detectors: dict[str, OfDetector]


def write_collection(path: Path, collection: Collection) -> None:
    """Write a manifest atomically."""
    write_json(path, collection.model_dump(mode="json"))


def shard_file(manifest: Path, path: Path, count: int) -> ShardFile:
    """A shard's file as a manifest names it."""
    relative = os.path.relpath(path, Path(manifest).parent)
    return ShardFile(file=Path(relative).as_posix(), count=count, sha256=sha256_file(path))


@dataclass(frozen=True)
class Statistics:
    """One detector's statistics of a set of images, read as metrics ask for them."""

    path: Path
    collection: Collection
    detector: str

    @property
    def own(self) -> OfDetector:
        """The detector's part of the manifest."""
        return self.collection.detectors[self.detector]

    def first(self, count: int) -> Sample:
        """The first `count` images.

        Raises:
            InputError: there are fewer, or their end lies inside a shard of which no features were kept.
        """
        self._check_count(count)
        whole = [rows for rows in self._ranges() if rows.start < count]
        return self._sample([(rows, None if rows.stop <= count else np.arange(count - rows.start)) for rows in whole])

    def drawn(self, count: int | None, seed: int) -> Sample:
        """`count` images drawn without replacement from a seed, in the set's order; all of them for None.

        Raises:
            InputError: there are fewer, or no features were kept.
        """
        if count is None:
            return self.first(self.collection.count)
        self._check_count(count)
        chosen = np.sort(subset(seed, count, self.collection.count))
        cuts = [chosen[(chosen >= rows.start) & (chosen < rows.stop)] - rows.start for rows in self._ranges()]
        return self._sample([(rows, cut) for rows, cut in zip(self._ranges(), cuts, strict=True) if len(cut)])

    def _ranges(self) -> list[range]:
        return shard_ranges(self.collection.count, self.collection.shard_images)

    def _check_count(self, count: int) -> None:
        if self.collection.count < count:
            found = f"found statistics of {self.collection.count} images"
            raise InputError(f"{self.path}: {found}, expected at least {count}")

    def _sample(self, wanted: list[tuple[range, np.ndarray | None]]) -> Sample:
        """The sample made of some rows of some shards; None stands for all rows of a shard."""
        parts: list[Moments] = []
        tables: list[np.ndarray | None] = []
        for rows, chosen in wanted:
            shard = self._shard(rows)
            if chosen is None:
                parts.append(shard.as_moments())
                tables.append(shard.feature_ND)
                continue
            if shard.feature_ND is None:
                few = f"{len(chosen)} of the {len(rows)} images of a shard"
                raise InputError(f"{self.path}: features were not kept, so that {few} have no statistics")
            tables.append(shard.feature_ND[chosen])
            parts.append(moments_of(tables[-1]))
        complete = all(table is not None for table in tables)
        return Sample(tuple(parts), np.concatenate(tables) if complete else None)

    def _shard(self, rows: range) -> ShardStatistics:
        listed = self.own.shards[rows.start // self.collection.shard_images]
        path = Path(os.path.normpath(self.path.parent / listed.file))
        found = sha256_file(path)
        if found != listed.sha256:
            raise InputError(f"{path}: sha256 is {found}, expected {listed.sha256}; remove it to make it again")
        shard = read_shard(path, self.own.key)
        if not shard.count == listed.count == len(rows):
            raise InputError(f"{path}: statistics of {shard.count} images, expected {len(rows)}")
        return shard


def open_statistics(path: Path, detector: str) -> Statistics:
    """One detector's statistics behind a manifest.

    Raises:
        InputError: the manifest can't be read, speaks of fewer images than it says, or has no such detector.
    """
    path = Path(path)
    collection = parse(read_json(path), Collection, str(path))
    if detector not in collection.detectors:
        hint = nearest(detector, collection.detectors)
        raise InputError(f"{path}: no statistics of detector '{detector}'; {hint}")
    listed = sum(shard.count for shard in collection.detectors[detector].shards)
    if listed != collection.count:
        raise InputError(f"{path}: shards of {listed} images, expected {collection.count}")
    return Statistics(path, collection, detector)
