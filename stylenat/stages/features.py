"""Stage `features`: images are made once, and every detector's statistics of them kept shard by shard.

A run that was stopped goes on with the shards that are not there yet. Shards are worked on by processes of one thread
each, and added up in their order, so that any number of processes ends in the same bits.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from stylenat.core import provenance
from stylenat.core.cards import DetectorCard, ProtocolCard
from stylenat.core.errors import InputError
from stylenat.core.files import remove_leftovers, sha256_file
from stylenat.core.passes import SHARD_IMAGES
from stylenat.data.stream import open_pool, usable_cores
from stylenat.features.collection import Collection, OfDetector, ShardFile, shard_file, write_collection
from stylenat.features.statistics import (
    Kept,
    key_of,
    read_shard,
    shard_path,
    shard_ranges,
    write_shard,
)
from stylenat.sampling.images import GeneratedImages, PreparedSet

if TYPE_CHECKING:
    import torch

BATCH_SIZE = 16


@dataclass(frozen=True)
class Wanted:
    """A detector, its weights and what is kept of its features."""

    card: DetectorCard
    weights: Path
    kept: Kept


def count_for(protocols: Iterable[ProtocolCard]) -> int:
    """How many fakes the protocols ask for; the smaller numbers are the beginning of the largest."""
    return max(protocol.fake_count for protocol in _on_images(protocols))


def wanted_by(
    protocols: Iterable[ProtocolCard],
    detector: Callable[[str], DetectorCard],
    weights: Path,
    count: int,
    moments_only: bool = False,
) -> list[Wanted]:
    """The detectors that protocols name, and what is kept: moments, and features where a metric reads single ones.

    Features are kept everywhere unless `moments_only`: they give standard errors, and later metrics cost nothing.
    """
    kept: dict[str, Kept] = {}
    for protocol in _on_images(protocols):
        part = protocol.real_count is not None or (protocol.fake_count < count and protocol.fake_count % SHARD_IMAGES)
        features = protocol.needs == "features" or not moments_only or bool(part)
        kept[protocol.detector] = Kept(protocol.needs == "moments", features) | kept.get(
            protocol.detector, Kept(False, False)
        )
    return [Wanted(detector(name), Path(weights) / f"{name}.pth", kept[name]) for name in sorted(kept)]


def _on_images(protocols: Iterable[ProtocolCard]) -> list[ProtocolCard]:
    """The protocols, all of which must compare images."""
    chosen = list(protocols)
    for protocol in chosen:
        if not protocol.on_images or protocol.detector is None or protocol.fake_count is None:
            raise InputError(f"protocol '{protocol.name}' compares no images: {protocol.reason or 'it needs a model'}")
    return chosen


@dataclass(frozen=True)
class _Pass:
    """What all shards of a run share; goes to each process once."""

    images: GeneratedImages | PreparedSet
    wanted: Mapping[str, Wanted]
    keys: Mapping[str, str]
    store: Path
    device: str
    batch_size: int


@dataclass(frozen=True)
class _Task:
    """A shard, and the detectors that have not seen it."""

    rows: range
    detectors: tuple[str, ...]


def run(
    images: GeneratedImages | PreparedSet,
    count: int,
    wanted: list[Wanted],
    store: Path,
    out: Path,
    device: str = "cpu",
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
    shard_images: int = SHARD_IMAGES,
) -> None:
    """Keep statistics of images 0 ... count - 1 under `store`, and write the manifest `out` that names them.

    Raises:
        InputError: images or weights can't be read, an image or a feature is unusable, or the device is not there.
    """
    if min(count, batch_size, shard_images, 1 if workers is None else workers) < 1:
        raise InputError(f"count is {count}, batch size {batch_size}, shards of {shard_images}: expected at least 1")
    identity, by_name = images.identity(), {item.card.name: item for item in wanted}
    sha256 = {name: sha256_file(item.weights) for name, item in by_name.items()}
    keys = {
        name: _key(item.card, sha256[name], identity, device, batch_size, shard_images)
        for name, item in by_name.items()
    }
    shared = _Pass(images, by_name, keys, Path(store), device, batch_size)
    ranges = shard_ranges(count, shard_images)
    tasks = [task for task in (_task(shared, rows) for rows in ranges) if task.detectors]
    _work_on(shared, tasks, count, workers)
    detectors, devices = {}, set()
    for name, item in by_name.items():
        found = [_listed(shared, name, rows, Path(out)) for rows in ranges]
        devices |= {device for _, device in found}
        detectors[name] = OfDetector(
            key=keys[name],
            preprocessing=item.card.preprocessing,
            weights_sha256=sha256[name],
            shards=[shard for shard, _ in found],
        )
    described = {"images": identity, "count": count, "shard_images": shard_images, "devices": sorted(devices)}
    write_collection(out, Collection(**described, detectors=detectors))


def _listed(shared: _Pass, name: str, rows: range, out: Path) -> tuple[ShardFile, str]:
    """A shard as the manifest names it, and the device that saw it."""
    path = shard_path(shared.store, shared.keys[name], rows.start, rows.stop)
    device = read_shard(path, shared.keys[name]).device.get("name", "an unnamed device")
    return shard_file(out, path, len(rows)), str(device)


def _key(
    card: DetectorCard, sha256: str, identity: Mapping[str, Any], device: str, batch_size: int, shard_images: int
) -> str:
    detector = {"extractor": card.extractor, "layer": card.layer, "weights_sha256": sha256}
    code = {"code": provenance.detector_code(), "versions": provenance.detector_versions()}
    bits = {"device": device, "batch_size": batch_size, "shard_images": shard_images}
    return key_of({"images": identity, "detector": detector, **code, **bits})


def _task(shared: _Pass, rows: range) -> _Task:
    """What of a shard is still to be done; a file that is no good is said to be so and made again."""
    missing = []
    for name, item in shared.wanted.items():
        path = shard_path(shared.store, shared.keys[name], rows.start, rows.stop)
        if not path.exists():
            missing.append(name)
            continue
        try:
            if not read_shard(path, shared.keys[name]).kept.covers(item.kept):
                missing.append(name)
        except InputError as error:
            print(f"{error}; it is made again", file=sys.stderr)
            missing.append(name)
    return _Task(rows, tuple(missing))


def _work_on(shared: _Pass, tasks: list[_Task], count: int, workers: int | None) -> None:
    if not tasks:
        return
    for task in tasks:
        for name in task.detectors:
            remove_leftovers(shard_path(shared.store, shared.keys[name], task.rows.start, task.rows.stop))
    left = sum(len(task.rows) for task in tasks)
    most = min(workers or usable_cores(), len(tasks))
    words = f"features of {shared.images.label}"
    with (
        tqdm(total=count, initial=count - left, desc=words, unit="image", disable=None) as progress,
        open_pool(shared, most, single_threaded=True) as pool,
    ):
        for done in pool.in_order(_work, tasks):
            progress.update(done)


@dataclass(frozen=True)
class _Opened:
    """In a process: the device, the images and the detectors, ready to run."""

    device: "torch.device"
    batches: Any
    extractors: Mapping[str, "torch.nn.Module"]


_opened: _Opened | None = None  # in a worker process


def _work(shared: _Pass, task: _Task) -> int:
    """Make one shard's statistics and write them; the number of images done."""
    global _opened
    from stylenat.core.device import describe
    from stylenat.features.one_pass import one_pass

    if _opened is None:
        _opened = _open(shared)
    extractors = {name: _opened.extractors[name] for name in task.detectors}
    kept = {name: shared.wanted[name].kept for name in task.detectors}
    batches = _opened.batches(task.rows, shared.batch_size)
    found = one_pass(batches, extractors, kept, task.rows, _opened.device, describe(_opened.device))
    for name, shard in found.items():
        path = shard_path(shared.store, shared.keys[name], task.rows.start, task.rows.stop)
        write_shard(path, shared.keys[name], shard)
    return len(task.rows)


def _open(shared: _Pass) -> _Opened:
    from stylenat.core.device import get_device, one_of
    from stylenat.features.extract import build_extractor

    device = one_of(get_device(shared.device))
    extractors = {name: build_extractor(item.card, item.weights, device) for name, item in shared.wanted.items()}
    return _Opened(device, shared.images.open(device), extractors)
