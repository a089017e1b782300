"""Writing a prepared set: shards one by one, each whole or not at all, then the manifest.

A shard is kept on the next run when its key still fits: the raw images in it, resolution, filter and Pillow version.
Shape suffixes: pixel_NCHW uint8 images of one shard, pixel_HWC one of them.
"""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
from pydantic import PositiveInt
from tqdm import tqdm

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, read_json, sha256_file, sha256_json, write_json
from stylenat.core.strict import Strict, parse
from stylenat.data.manifest import SHARD_IMAGES, Manifest, Shard, fingerprint, write_manifest
from stylenat.data.resize import resize
from stylenat.data.sources import Entry, Source, load

SHARD_FOLDER = "shards"


class ShardNote(Strict):
    """What stands beside a shard: the key of its plan, and the md5s of its images."""

    key: str
    sha256: str
    count: PositiveInt
    source_md5: list[str]
    pixel_md5: list[str]


def write_prepared(source: Source, card: DatasetCard, out: Path) -> Manifest:
    """Write the shards of a source and, last, the manifest at `out`; shards that still fit are kept.

    Raises:
        InputError: a raw image is unusable; the message names it.
    """
    folder = out.parent / SHARD_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    groups = [source.entries[start : start + SHARD_IMAGES] for start in range(0, len(source.entries), SHARD_IMAGES)]
    _remove_strangers(folder, len(groups))
    executor = ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0)))  # Pillow decodes without the GIL
    try:
        progress = tqdm(groups, desc=f"prepare {card.name}", unit="shard", file=sys.stderr, disable=None)
        notes = [_ensure(executor, source, group, card, folder, number) for number, group in enumerate(progress)]
    finally:
        executor.shutdown(cancel_futures=True)
    manifest = _manifest(source, card, notes)
    write_manifest(out, manifest)
    return manifest


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:05d}.npy"


def _remove_strangers(folder: Path, count: int) -> None:
    """Remove shards of an earlier, longer plan and what a killed run left half-written."""
    names = {shard_name(number) for number in range(count)}
    for path in [*folder.glob("shard-*"), *folder.glob(".shard-*.tmp")]:
        if path.with_suffix(".npy").name not in names:
            path.unlink()


def _ensure(
    executor: ThreadPoolExecutor, source: Source, group: list[Entry], card: DatasetCard, folder: Path, number: int
) -> ShardNote:
    path = folder / shard_name(number)
    key = sha256_json(
        {
            "images": [[entry.name, entry.stamp] for entry in group],
            "resolution": card.resolution,
            "filter": card.resize_filter,
            "pillow": PIL.__version__,
        }
    )
    return _kept(path, key, len(group)) or _write(executor, source, group, card, path, key)


def _kept(path: Path, key: str, count: int) -> ShardNote | None:
    """The note of a shard on disk when it is of this plan and whole; None when it must be made."""
    note_path = path.with_suffix(".json")
    if not path.is_file() or not note_path.is_file():
        return None
    try:
        note = parse(read_json(note_path), ShardNote, str(note_path))
    except InputError:  # a torn note means a torn shard
        return None
    fits = note.key == key and note.count == len(note.pixel_md5) == len(note.source_md5) == count
    return note if fits and sha256_file(path) == note.sha256 else None


def _write(
    executor: ThreadPoolExecutor, source: Source, group: list[Entry], card: DatasetCard, path: Path, key: str
) -> ShardNote:
    shape = (len(group), 3, card.resolution, card.resolution)
    with atomic_path(path) as temporary:
        pixel_NCHW = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

        def prepare(row: int) -> tuple[str, str]:
            raw_HWC = load(source, group[row], card.resolution)
            pixel_HWC = _resized(raw_HWC, card, f"{source.place}/{group[row].name}")
            pixel_NCHW[row] = pixel_HWC.transpose(2, 0, 1)
            return _md5(raw_HWC), _md5(pixel_HWC)

        source_md5, pixel_md5 = zip(*executor.map(prepare, range(len(group))), strict=True)
        pixel_NCHW.flush()
        sha256 = sha256_file(temporary)
    note = ShardNote(key=key, sha256=sha256, count=len(group), source_md5=list(source_md5), pixel_md5=list(pixel_md5))
    write_json(path.with_suffix(".json"), note.model_dump(mode="json"))
    return note


def _resized(raw_HWC: np.ndarray, card: DatasetCard, where: str) -> np.ndarray:
    try:
        return resize(raw_HWC, card.resolution, card.resize_filter)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _md5(pixel_HWC: np.ndarray) -> str:
    return hashlib.md5(np.ascontiguousarray(pixel_HWC), usedforsecurity=False).hexdigest()


def _manifest(source: Source, card: DatasetCard, notes: list[ShardNote]) -> Manifest:
    pixel_md5 = [md5 for note in notes for md5 in note.pixel_md5]
    shards = [
        Shard(file=f"{SHARD_FOLDER}/{shard_name(number)}", count=note.count, sha256=note.sha256)
        for number, note in enumerate(notes)
    ]
    return Manifest(
        dataset=card.name,
        count=len(pixel_md5),
        resolution=card.resolution,
        resize_filter=card.resize_filter,
        pillow=PIL.__version__,
        fingerprint=fingerprint(pixel_md5, card.resolution),
        shards=shards,
        names=[entry.name for entry in source.entries],
        source_md5=[md5 for note in notes for md5 in note.source_md5],
        pixel_md5=pixel_md5,
    )
