"""Writing a prepared set: images stream through a pool into shards, each whole or not at all.

A shard is kept on the next run when its key still fits: the raw images in it, resolution, filter and library.
Shape suffixes: pixel_CHW uint8 prepared images.
"""

import hashlib
import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import PositiveInt
from tqdm import tqdm

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, read_json, sha256_file, sha256_json, write_json
from stylenat.core.strict import Strict, parse
from stylenat.data.arrange import Slots
from stylenat.data.decode import DECODER
from stylenat.data.examine import Slot, Work, examine, pixel_md5
from stylenat.data.faults import Fault
from stylenat.data.manifest import SHARD_IMAGES
from stylenat.data.resize import library_of, resize
from stylenat.data.stream import Pool

SHARD_FOLDER = "shards"


class ShardNote(Strict):
    """What stands beside a shard: the key of its plan, and the md5s of its images."""

    key: str
    sha256: str
    count: PositiveInt
    source_md5: list[str]
    pixel_md5: list[str]


@dataclass(frozen=True)
class Prepared:
    """One image as it goes into a shard."""

    pixel_CHW: np.ndarray
    source_md5: str
    pixel_md5: str


@dataclass(frozen=True)
class WrittenShard:
    """A shard's places in the set, and its note; none when an image is missing or faulty and nothing was written."""

    slots: Slots
    note: ShardNote | None


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:05d}.npy"


def prepare_image(work: Work, slot: Slot) -> Prepared | Fault:
    """Decode, check and resize one raw image."""
    source, card = work.source, work.card
    found = examine(work, slot)
    if isinstance(found, Fault):
        return found
    raw_HWC, md5 = found
    try:
        pixel_HWC = resize(raw_HWC, card.resolution, card.resize_filter)
    except InputError as error:
        return Fault("unusable", slot.entry.name, f"{source.place}/{slot.entry.name}: {error}")
    unchanged = pixel_HWC is raw_HWC
    return Prepared(np.ascontiguousarray(pixel_HWC.transpose(2, 0, 1)), md5, md5 if unchanged else pixel_md5(pixel_HWC))


def write_shards(slots: Slots, card: DatasetCard, manifest: Path, pool: Pool) -> tuple[list[WrittenShard], list[Fault]]:
    """Write the shards of a set that are not there yet; one with a faulty or missing image is left out.

    An older manifest goes as soon as a shard does: it must not speak of shards that are no longer its own.
    """
    folder = manifest.parent / SHARD_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    groups = [slots[start : start + SHARD_IMAGES] for start in range(0, len(slots), SHARD_IMAGES)]
    paths = [folder / shard_name(number) for number in range(len(groups))]
    keys = [_key(group, card) for group in groups]
    notes = list(pool.in_order(_kept, zip(paths, keys, map(len, groups), strict=True)))
    strangers = _strangers(folder, len(groups))
    if strangers or None in notes:
        manifest.unlink(missing_ok=True)
    for path in strangers:
        path.unlink()
    _check_space(folder, sum(len(group) for group, note in zip(groups, notes, strict=True) if note is None), card)
    todo = [slot for group, note in zip(groups, notes, strict=True) if note is None for slot in group if slot]
    results = pool.in_order(prepare_image, todo)
    faults: list[Fault] = []
    with tqdm(total=len(slots), desc=f"prepare {card.name}", unit="image", file=sys.stderr, disable=None) as progress:
        for number, group in enumerate(groups):
            if notes[number] is None:
                notes[number] = _write(paths[number], keys[number], group, card, results, faults)
            progress.update(len(group))
    return [WrittenShard(group, note) for group, note in zip(groups, notes, strict=True)], faults


def _strangers(folder: Path, count: int) -> list[Path]:
    """Shards of an earlier, longer plan and what a killed run left half-written."""
    names = {shard_name(number) for number in range(count)}
    paths = [*folder.glob("shard-*"), *folder.glob(".shard-*.tmp")]
    return [path for path in paths if path.with_suffix(".npy").name not in names]


def _key(group: Sequence[Slot | None], card: DatasetCard) -> str:
    """What decides a shard: with a list the pixels that it demands, without one the raw files and their decoder."""
    images = [_identity(slot) for slot in group]
    return sha256_json([images, card.resolution, card.resize_filter, library_of(card.resize_filter)])


def _identity(slot: Slot | None) -> list[str] | None:
    if slot is None:
        return None
    return [slot.expected.pixel_md5] if slot.expected else [slot.entry.name, slot.entry.stamp, DECODER]


def _kept(work: Work, plan: tuple[Path, str, int]) -> ShardNote | None:
    """The note of a shard on disk when it is of this plan (its path, key and count) and whole; None otherwise."""
    path, key, count = plan
    note_path = path.with_suffix(".json")
    if not path.is_file() or not note_path.is_file():
        return None
    try:
        note = parse(read_json(note_path), ShardNote, str(note_path))
    except InputError:  # a torn note means a torn shard
        return None
    fits = note.key == key and note.count == len(note.pixel_md5) == len(note.source_md5) == count
    return note if fits and sha256_file(path) == note.sha256 else None


def _check_space(folder: Path, images: int, card: DatasetCard) -> None:
    """Refuse to begin what the disk can't hold."""
    needed, free = images * 3 * card.resolution**2, shutil.disk_usage(folder).free
    if needed > free:
        found = f"found {free / 1e6:,.0f} MB free, expected {needed / 1e6:,.0f} MB"
        raise InputError(f"{folder}: {found} for the images of '{card.name}' that are not there yet")


class _LeftOut(Exception):
    """A shard that lacks an image is not written."""


def _write(
    path: Path,
    key: str,
    group: Sequence[Slot | None],
    card: DatasetCard,
    results: Iterator[Prepared | Fault],
    faults: list[Fault],
) -> ShardNote | None:
    digest, md5s = hashlib.sha256(), []
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            header = _npy_header(len(group), card.resolution)
            file.write(header)
            digest.update(header)
            for image in (next(results) for slot in group if slot is not None):
                if isinstance(image, Fault):
                    faults.append(image)
                    continue
                file.write(image.pixel_CHW)
                digest.update(image.pixel_CHW)
                md5s.append((image.source_md5, image.pixel_md5))
            if len(md5s) < len(group):
                raise _LeftOut
    except _LeftOut:
        return None
    sources, pixels = map(list, zip(*md5s, strict=True))
    note = ShardNote(key=key, sha256=digest.hexdigest(), count=len(md5s), source_md5=sources, pixel_md5=pixels)
    write_json(path.with_suffix(".json"), note.model_dump(mode="json"))
    return note


def _npy_header(count: int, resolution: int) -> bytes:
    header = io.BytesIO()
    shape = (count, 3, resolution, resolution)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()
