"""Images a second of a generator, from a session in which all networks of a run were timed in turn."""

import statistics
from pathlib import Path
from typing import Any

import numpy as np

from stylenat.core.errors import InputError
from stylenat.metrics._result import Result
from stylenat.timing.session import Entry, Point, Session, read_session
from stylenat.timing.settings import Settings, parse_settings

NEEDS = "model"
NEEDS_VALUES = True
UNIT = "images/s"
DIRECTION = "higher"
VERSION = 2
PARAMETERS = frozenset(Settings.model_fields)


def compute(session: Path, model: str, **parameters: Any) -> Result:
    """Batch size times calls over the median seconds of a round; where calls are timed alone, over a call's.

    Raises:
        InputError: the session is another protocol's, has no such model, or the model failed in it.
    """
    settings = parse_settings(parameters, "metric 'throughput'")
    found = read_session(session)
    _check(found, settings, session)
    entry = _entry(found, model, session)
    rounds = found.samples(model)
    seconds = [sample for one in rounds for sample in one]
    calls = 1 if settings.separately else entry.calls
    value = entry.batch_size * calls / statistics.median(seconds)
    return Result(value, _details(found, settings, entry, rounds), found.flags, found.device)


def _check(session: Session, settings: Settings, path: Path) -> None:
    there = parse_settings(session.parameters, str(path))
    other = [name for name in Settings.model_fields if getattr(there, name) != getattr(settings, name)]
    if other:
        name = other[0]
        pair = f"found {getattr(there, name)!r}, expected {getattr(settings, name)!r}"
        raise InputError(f"{path}: a session of other parameters: {name}: {pair}")


def _entry(session: Session, model: str, path: Path) -> Entry:
    if model not in session.entries:
        raise InputError(f"{path}: no model '{model}' in this session, found {', '.join(sorted(session.entries))}")
    entry = session.entries[model]
    if entry.status == "failed":
        raise InputError(f"{entry.reason} ('{model}' in {path}; remove that file to measure again)")
    return entry


def _details(session: Session, settings: Settings, entry: Entry, rounds: list[list[float]]) -> dict[str, Any]:
    seconds = [sample for one in rounds for sample in one]
    details = {
        "timed": session.timed,
        "mode": settings.mode,
        "precision": settings.precision,
        "weights": "random (speed does not depend on them)",
        "batch_size": entry.batch_size,
        "calls": entry.calls,
        "round_seconds": rounds,
        "round_orders": [one.order for one in session.rounds],
        "median_seconds": statistics.median(seconds),
        "iqr_seconds": _iqr(seconds),
        "warmup_seconds": entry.warmup_seconds,
        "curve": [_point(point) for point in entry.curve],
        "sweep_end": entry.sweep_end,
        "peak_bytes": entry.peak_bytes,
        "parts_seconds": _parts(entry),
        "parts_end": entry.parts_end,
        "state_before": session.state_before,
        "state_after": session.state_after,
        "session": {"created": session.created, "code": session.code, "models": sorted(session.entries)},
    }
    if settings.separately:
        p95 = float(np.quantile(seconds, 0.95))
        details["latency_seconds"] = {"median": statistics.median(seconds), "iqr": _iqr(seconds), "p95": p95}
    if settings.compiled:
        details["compile_seconds"] = entry.first_call_seconds  # compilation, and the call that set it off
    return details


def _point(point: Point) -> dict[str, Any]:
    """A batch size of the sweep with its speed."""
    speed = point.batch_size * point.calls / statistics.median(point.seconds)
    return {**point.model_dump(), "images_per_second": speed}


def _parts(entry: Entry) -> dict[str, float]:
    """Median seconds of each part; synthesis is what the whole call takes longer than the mapping."""
    medians = {name: statistics.median(samples) for name, samples in entry.parts.items()}
    if "mapping" in medians:
        medians["synthesis"] = medians["call"] - medians["mapping"]
    return medians


def _iqr(seconds: list[float]) -> float | None:
    """Distance of the quartiles; None for a single sample."""
    if len(seconds) < 2:
        return None
    low, high = np.quantile(seconds, [0.25, 0.75])
    return float(high - low)
