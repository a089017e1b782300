"""Stage `measure`: one model under one protocol becomes one record, or a record of why not."""

import importlib
import math
import pkgutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from stylenat import metrics
from stylenat.core import device as devices
from stylenat.core.cards import DetectorCard, ModelCard, ProtocolCard
from stylenat.core.errors import InputError, nearest
from stylenat.core.files import sha256_file
from stylenat.core.provenance import git_state, versions
from stylenat.core.records import Measurement, Status, failed_path, now, write_record
from stylenat.core.registry import load_family
from stylenat.features.table import FeatureTable, read_table
from stylenat.metrics._result import Result, check_names
from stylenat.metrics._rows import first_rows, random_rows
from stylenat.sampling.build import build_generator

DEMO_REASON = "a demo run: its data set and its training are the demo's"


@dataclass(frozen=True)
class _Job:
    """What is to be measured."""

    model: ModelCard
    protocol: ProtocolCard
    detector: DetectorCard | None
    seed: int
    real: Path | None
    fake: Path | None
    device: str


def run(
    *,
    model: ModelCard,
    protocol: ProtocolCard,
    detector: DetectorCard | None,
    seed: int,
    real: Path | None,
    fake: Path | None,
    out: Path,
    device: str,
    demo: bool,
    code: str,
    command: str,
) -> None:
    """Measure and write the record `out`.

    A failure leaves its reason beside `out` (`failed_path`), and no record at `out`.

    Raises:
        InputError: the measurement failed, for whatever reason.
    """
    started, job = time.perf_counter(), _Job(model, protocol, detector, seed, real, fake, device)
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


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _described(job: _Job, demo: bool) -> dict[str, Any]:
    """The fields that stand before anything is measured; unit, direction and version follow with the metric."""
    model, protocol, detector = job.model, job.protocol, job.detector
    reasons = [] if protocol.comparable else [protocol.reason]
    if detector is not None and not detector.comparable:
        reasons.append(detector.reason)
    if demo and protocol.needs == "features":  # counts and timings are no worse for it
        reasons.append(DEMO_REASON)
    return {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "metric": protocol.metric,
        "metric_version": 0,
        "model": model.name,
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
    metric, where = _load_metric(job.protocol), devices.get_device(job.device)
    check_names(job.protocol.metric, job.protocol.parameters, metric.PARAMETERS)
    result, inputs = _on_features(job, metric) if metric.NEEDS == "features" else _on_model(job, metric, where)
    if not math.isfinite(result.value):
        raise InputError(f"metric '{job.protocol.metric}' gave {result.value}, expected a finite number")
    return {
        "metric_version": metric.VERSION,
        "unit": metric.UNIT,
        "direction": metric.DIRECTION,
        "value": float(result.value),
        "details": result.details,
        "inputs": inputs,
        "device": devices.describe(torch.device("cpu") if metric.NEEDS == "features" else where),
        "flags": result.flags or devices.flags(),
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


def _on_features(job: _Job, metric: ModuleType) -> tuple[Result, dict[str, str]]:
    protocol, detector = job.protocol, job.detector
    if job.real is None or job.fake is None or detector is None or protocol.fake_count is None:
        raise InputError(f"protocol '{protocol.name}' needs features of real and of fake images, and their detector")
    real, fake = read_table(job.real, detector.name), read_table(job.fake, detector.name)
    if real.weights_sha256 != fake.weights_sha256:
        raise InputError(f"{job.real} and {job.fake} were extracted with different detector weights")
    real_ND = random_rows(real.feature_ND, protocol.real_count, protocol.real_seed, str(job.real))
    fake_ND = first_rows(fake.feature_ND, protocol.fake_count, str(job.fake))
    result = metric.compute(real_ND, fake_ND, **protocol.parameters)
    return _with_images(result, detector, real, fake), {str(p): sha256_file(p) for p in (job.real, job.fake)}


def _with_images(result: Result, detector: DetectorCard, real: FeatureTable, fake: FeatureTable) -> Result:
    images = {"real": real.images, "fake": fake.images}
    detector_details = {"name": detector.name, "weights_sha256": real.weights_sha256}
    return Result(result.value, {**result.details, "images": images, "detector": detector_details}, result.flags)


def _on_model(job: _Job, metric: ModuleType, where: torch.device) -> tuple[Result, dict[str, str]]:
    """Measure a network with random weights, or none: neither counts nor speed depend on them."""
    if metric.NEEDS_VALUES:
        network = _network(job).to(where)
    else:
        with torch.device("meta"):
            network = _network(job)
    result = metric.compute(network, **job.protocol.parameters)
    note = {"weights": "random (speed does not depend on them)"} if job.protocol.timed else {}
    return Result(result.value, {**result.details, **note}, result.flags), {}


def _network(job: _Job) -> torch.nn.Module:
    if job.model.family is None:
        raise InputError(f"model '{job.model.name}' has published numbers only: {job.model.weights.none}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        if job.protocol.parameters.get("part") == "discriminator":
            return load_family(job.model.family).build_discriminator(job.model.arch)
        return build_generator(job.model, None)
