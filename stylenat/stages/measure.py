"""Stage `measure`: one model under one protocol becomes one record, or a record of why not."""

import importlib
import math
import pkgutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stylenat import metrics
from stylenat.core.cards import DatasetCard, DetectorCard, ModelCard, ProtocolCard
from stylenat.core.cpu import describe_cpu
from stylenat.core.errors import InputError, nearest
from stylenat.core.files import sha256_file, write_json
from stylenat.core.provenance import git_state, versions
from stylenat.core.records import (
    DetectorUsed,
    FakesUsed,
    Measurement,
    RealsUsed,
    Status,
    failed_path,
    now,
    write_record,
)
from stylenat.core.registry import load_family
from stylenat.features.collection import Statistics, open_statistics
from stylenat.frechet.sample import Sample
from stylenat.metrics._result import Result, check_names

if TYPE_CHECKING:
    import torch

DEMO_REASON = "a demo run: its data set and its training are the demo's"


@dataclass(frozen=True)
class _Job:
    """What is to be measured."""

    model: ModelCard
    protocol: ProtocolCard
    detector: DetectorCard | None
    dataset: DatasetCard | None
    seed: int
    real: Path | None
    fake: Path | None
    session: Path | None
    device: str


def run(
    *,
    model: ModelCard,
    protocol: ProtocolCard,
    detector: DetectorCard | None,
    dataset: DatasetCard | None,
    seed: int,
    real: Path | None,
    fake: Path | None,
    session: Path | None,
    out: Path,
    device: str,
    demo: bool,
    code: str,
    command: str,
) -> None:
    """Measure and write the record `out`: from statistics of real and fake images, a session of timings, or a network.

    A failure leaves its reason beside `out` (`failed_path`), and no record at `out`.

    Raises:
        InputError: the measurement failed, for whatever reason.
    """
    started, job = time.perf_counter(), _Job(model, protocol, detector, dataset, seed, real, fake, session, device)
    fields = _described(job, demo) | {"code": code, "command": command, "created": now()}
    try:
        fields |= _measured(job)
    except Exception as error:  # whatever went wrong, the record must say so
        reason = _one_line(error)
        fields |= {"status": Status.FAILED, "reason": reason, "wall_seconds": time.perf_counter() - started}
        write_record(failed_path(out), Measurement(**fields))
        Path(out).unlink(missing_ok=True)
        raise InputError(f"'{model.name}' under '{protocol.name}', seed {seed}: {reason}") from error
    write_record(out, Measurement(**fields, status=Status.OK, wall_seconds=time.perf_counter() - started))
    failed_path(out).unlink(missing_ok=True)


def run_all(measurements: Sequence[Mapping[str, Any]], out: Path | None = None) -> None:
    """Make several records, each by `run` with these arguments; then the list `out` of their names and hashes.

    A measurement that fails tells so on stderr, and the others are still made.

    Raises:
        InputError: after all were tried, some had failed; there is no list then.
    """
    failed = []
    if out is not None:
        Path(out).unlink(missing_ok=True)
    for measurement in measurements:
        try:
            run(**measurement)
        except InputError as error:
            print(f"stylenat: error: {error}", file=sys.stderr, flush=True)
            failed.append(Path(measurement["out"]).stem)
    if failed:
        raise InputError(f"{len(failed)} of {len(measurements)} measurements failed: {', '.join(failed)}")
    if out is not None:
        made = [Path(measurement["out"]) for measurement in measurements]
        write_json(out, {"schema_version": 1, "records": {path.name: sha256_file(path) for path in made}})


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _described(job: _Job, demo: bool) -> dict[str, Any]:
    """The fields that stand before anything is measured; unit, direction and version follow with the metric."""
    model, protocol, detector = job.model, job.protocol, job.detector
    reasons = [] if protocol.comparable else [protocol.reason]
    if detector is not None and not detector.comparable:
        reasons.append(detector.reason)
    if demo and protocol.on_images:  # counts and timings are no worse for it
        reasons.append(DEMO_REASON)
    return {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "metric": protocol.metric,
        "metric_version": 0,
        "model": model.name,
        "dataset": job.dataset.name if job.dataset is not None and protocol.on_images else "",
        "seed": job.seed,
        "unit": "",
        "direction": "none",
        "comparable": not reasons,
        "comparable_reason": "; ".join(reasons),
        "demo": demo,
        "git": dict(git_state()),
        "versions": dict(versions()),
    }


def _measured(job: _Job) -> dict[str, Any]:
    """The fields that a measurement adds."""
    metric = _load_metric(job.protocol)
    check_names(job.protocol.metric, job.protocol.parameters, metric.PARAMETERS)
    if job.protocol.on_images:
        result, fields = _on_images(job, metric)
    elif job.protocol.timed:
        result, fields = _on_session(job, metric)
    else:
        result, fields = _on_model(job, metric)
    if not math.isfinite(result.value):
        raise InputError(f"metric '{job.protocol.metric}' gave {result.value}, expected a finite number")
    return {
        "metric_version": metric.VERSION,
        "unit": metric.UNIT,
        "direction": metric.DIRECTION,
        "value": float(result.value),
        "standard_error": result.standard_error,
        "details": result.details,
        "device": result.device or describe_cpu(),
        "flags": result.flags,
        **fields,
    }


def _load_metric(protocol: ProtocolCard) -> ModuleType:
    names = [module.name for module in pkgutil.iter_modules(metrics.__path__) if not module.name.startswith("_")]
    if protocol.metric not in names:
        hint = nearest(protocol.metric, names)
        raise InputError(f"protocol '{protocol.name}': no metric '{protocol.metric}' in stylenat/metrics; {hint}")
    metric = importlib.import_module(f"{metrics.__name__}.{protocol.metric}")
    if protocol.needs != metric.NEEDS:
        raise InputError(f"protocol '{protocol.name}': needs is '{protocol.needs}', its metric needs '{metric.NEEDS}'")
    return metric


def _on_images(job: _Job, metric: ModuleType) -> tuple[Result, dict[str, Any]]:
    """Compare fakes with reals; the fields say what both were, and what saw them."""
    protocol, detector, dataset = job.protocol, job.detector, job.dataset
    if None in (job.real, job.fake, detector, dataset, protocol.fake_count):
        raise InputError(f"protocol '{protocol.name}' needs statistics of real and of fake images, and their detector")
    real, fake = (open_statistics(path, detector.name) for path in (job.real, job.fake))
    _check_alike(real, fake, job)
    drawn = real.drawn(protocol.real_count, protocol.reals_seed(job.seed))
    result = _compute(metric, drawn, fake.first(protocol.fake_count), protocol)
    subset_seed = None if protocol.real_count is None else protocol.reals_seed(job.seed)
    reals = RealsUsed(
        dataset=dataset.name,
        fingerprint=real.collection.images["fingerprint"],
        resize_filter=dataset.resize_filter,
        count=drawn.count,
        subset_seed=subset_seed,
        statistics=real.own.key,
    )
    fakes = FakesUsed(
        count=protocol.fake_count,
        weights_sha256=fake.collection.images["weights_sha256"],
        statistics=fake.own.key,
        device="; ".join(fake.collection.devices),
    )
    used = DetectorUsed(
        name=detector.name, preprocessing=detector.preprocessing, weights_sha256=real.own.weights_sha256
    )
    inputs = {str(path): sha256_file(path) for path in (job.real, job.fake)}
    return result, {"inputs": inputs, "reals": reals, "fakes": fakes, "detector": used}


def _check_alike(real: Statistics, fake: Statistics, job: _Job) -> None:
    """Refuse statistics that do not belong together, or not to this measurement."""
    if real.own.weights_sha256 != fake.own.weights_sha256:
        raise InputError(f"{job.real} and {job.fake} were made with different detector weights")
    for statistics, kind in ((real, "prepared"), (fake, "generated")):
        if statistics.collection.images.get("kind") != kind:
            found = statistics.collection.images.get("kind")
            raise InputError(f"{statistics.path}: statistics of {found} images, expected {kind} ones")
    seed = fake.collection.images.get("seed")
    if seed != job.seed:
        raise InputError(f"{job.fake}: images of seed {seed}, expected {job.seed}")
    pinned = job.dataset.fingerprint
    if pinned is not None and real.collection.images["fingerprint"] != pinned:
        found = real.collection.images["fingerprint"]
        raise InputError(f"{job.real}: fingerprint {found}, expected {pinned} of data set '{job.dataset.name}'")


def _compute(metric: ModuleType, real: Sample, fake: Sample, protocol: ProtocolCard) -> Result:
    if metric.NEEDS == "moments":
        return metric.compute(real, fake, **protocol.parameters)
    if real.feature_ND is None or fake.feature_ND is None:
        raise InputError(f"protocol '{protocol.name}' needs features, but only moments were kept")
    return metric.compute(real.feature_ND, fake.feature_ND, **protocol.parameters)


def _on_session(job: _Job, metric: ModuleType) -> tuple[Result, dict[str, Any]]:
    """One network's part of a session that timed several round-robin."""
    if job.session is None:
        raise InputError(f"protocol '{job.protocol.name}' needs a session of timings")
    result = metric.compute(job.session, job.model.name, **job.protocol.parameters)
    return result, {"inputs": {str(job.session): sha256_file(job.session)}}


def _on_model(job: _Job, metric: ModuleType) -> tuple[Result, dict[str, Any]]:
    """Count a network; with random weights or none, for counts do not depend on them."""
    import torch  # only here: what is taken from files needs none, and comes sooner without

    from stylenat.core import device as devices

    where = devices.get_device(job.device)
    if metric.NEEDS_VALUES:
        network = _network(job).to(where)
    else:
        with torch.device("meta"):
            network = _network(job)
    result = metric.compute(network, **job.protocol.parameters)
    return result, {"device": devices.describe(where), "flags": devices.flags()}


def _network(job: _Job) -> "torch.nn.Module":
    import torch

    from stylenat.sampling.build import build_generator

    if job.model.family is None:
        raise InputError(f"model '{job.model.name}' has published numbers only: {job.model.weights.none}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        if job.protocol.parameters.get("part") == "discriminator":
            return load_family(job.model.family).build_discriminator(job.model.arch)
        return build_generator(job.model, None)
