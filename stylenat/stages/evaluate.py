"""`evaluate`: one snapshot under several protocols, in one generation pass, without the workflow around it.

It does what the stages features and measure do, with the same files under one folder; run again, it goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stylenat.core.cards import DatasetCard, DetectorCard, ModelCard, ProtocolCard
from stylenat.core.errors import InputError
from stylenat.core.records import Measurement, read_measurement
from stylenat.data.manifest import read_manifest
from stylenat.sampling.images import GeneratedImages, PreparedSet
from stylenat.stages import features, fetch, measure


@dataclass(frozen=True)
class Subject:
    """What is evaluated: a model's snapshot and a seed, against the images of a prepared set."""

    model: ModelCard
    weights: Path
    seed: int
    dataset: DatasetCard
    images: Path  # the prepared set's manifest


@dataclass(frozen=True)
class Means:
    """With what: where detector weights are looked for, the device, batch and processes."""

    weights: Path
    device: str
    batch_size: int
    workers: int | None
    demo: bool


def run(
    subject: Subject,
    protocols: list[ProtocolCard],
    detector: Callable[[str], DetectorCard],
    means: Means,
    out: Path,
    code: Callable[[ProtocolCard], str],
    command: str,
) -> list[Path]:
    """Write a record of each protocol under `out`, and give their paths.

    A protocol that fails leaves its reason beside its record's place, and the others are still measured.

    Raises:
        InputError: the images can't be made or seen, or, after all others were measured, a protocol failed.
    """
    out, count = Path(out), features.count_for(protocols)
    _check(subject)
    for name in sorted({protocol.detector for protocol in protocols}):
        fetch.run_weights(detector(name), means.weights, out / "weights" / f"{name}.pth")
    reals = PreparedSet(subject.images)
    fakes = GeneratedImages(subject.model, subject.weights, subject.seed)
    sides = {"real": (reals, reals.count), "fake": (fakes, count)}
    for side, (images, number) in sides.items():
        wanted = features.wanted_by(protocols, detector, out / "weights", count)
        options = (means.device, means.batch_size, means.workers)
        features.run(images, number, wanted, out / "statistics", out / f"{side}.json", *options)
    common = {
        "model": subject.model,
        "dataset": subject.dataset,
        "seed": subject.seed,
        "real": out / "real.json",
        "fake": out / "fake.json",
        "session": None,
        "device": means.device,
        "demo": means.demo,
        "command": command,
    }
    measurements = []
    for protocol in protocols:
        given = {"protocol": protocol, "detector": detector(protocol.detector), "code": code(protocol)}
        measurements.append(common | given | {"out": out / "measure" / f"{protocol.name}.json"})
    measure.run_all(measurements)
    return [measurement["out"] for measurement in measurements]


def _check(subject: Subject) -> None:
    """Refuse a prepared set that is not the one that it is said to be."""
    found = read_manifest(subject.images)
    if found.dataset != subject.dataset.name:
        raise InputError(f"{subject.images}: holds data set '{found.dataset}', expected '{subject.dataset.name}'")


def line_of(path: Path) -> str:
    """One record in a line: the number, and all that names it."""
    record: Measurement = read_measurement(path)
    error = "" if record.standard_error is None else f" ± {record.standard_error.value:.2g} (one run's standard error)"
    reals, fakes, used = record.reals, record.fakes, record.detector
    drawn = "" if reals.subset_seed is None else f" drawn with seed {reals.subset_seed}"
    parts = [
        f"{record.protocol}: {record.metric} {record.value:.6g}{error}",
        f"{fakes.count:,} fakes of seed {record.seed}, {reals.count:,} reals of {reals.dataset}{drawn}",
        f"filter {reals.resize_filter}, detector {used.name} sha256 {used.weights_sha256[:12]}, {fakes.device}",
    ]
    label = "" if record.comparable else f" (not comparable: {record.comparable_reason})"
    return "; ".join(parts) + label
