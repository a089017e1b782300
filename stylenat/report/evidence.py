"""The measurements as a pandas frame: one row each, with all that a number must be quoted with."""

from typing import Any

import pandas as pd

from stylenat.core.records import Measurement
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import images, resize_filter
from stylenat.report.rows import MeasurementRow


def measurements(data: ReportData) -> pd.DataFrame:
    """One row a planned measurement, made or not."""
    return pd.DataFrame(measurement_rows(data), columns=list(MeasurementRow.model_fields))


def measurement_rows(data: ReportData) -> list[dict[str, Any]]:
    """The rows of `measurements`, in the order of the plan."""
    return [measurement_row(data, entry) for entry in data.entries]


def measurement_row(data: ReportData, entry: Entry) -> dict[str, Any]:
    """One planned measurement, as the columns of MeasurementRow; what its record leaves out has no key."""
    planned, record = entry.planned, entry.record
    protocol = data.protocols.get(planned.protocol)
    row = {
        "protocol": planned.protocol,
        "protocol_version": protocol.version if protocol else None,
        "metric": protocol.metric if protocol else "",
        "model": planned.model,
        "seed": planned.seed,
        "dataset": planned.dataset,
        "resize_filter": resize_filter(data, entry),
        "status": entry.status,
        "reason": entry.reason,
        "value": entry.value,
        "flag": data.flag(planned) if entry.value is not None else "",
        "demo": entry.label,
        "detector": (protocol.detector if protocol else None) or "",
        "path": planned.path,
        "sha256": entry.sha256,
    }
    if record is None:
        return row
    names = ("protocol_version", "metric", "unit", "comparable", "comparable_reason", "code", "created")
    details = {"images": images(record), "device": str(record.device.get("name", ""))}
    dirty = record.git.get("dirty")
    git = {"revision": str(record.git.get("revision", "")), "dirty": dirty if isinstance(dirty, bool) else None}
    more = {"wall_seconds": record.wall_seconds, "command": record.command}
    plain = {name: getattr(record, name) for name in names}
    return row | plain | details | git | more | _error_columns(record) | _image_columns(record)


def _error_columns(record: Measurement) -> dict[str, Any]:
    """The standard error of the run, and the distance at infinitely many fakes with its own."""
    error, infinity = record.standard_error, fid_infinity(record)
    value, spread = infinity or (None, None)
    return {
        "standard_error": error.value if error else None,
        "standard_error_method": error.method if error else "",
        "fid_infinity": value,
        "fid_infinity_standard_error": spread,
    }


def _image_columns(record: Measurement) -> dict[str, Any]:
    """Counts of images, the random subset of the reals, and the detector that saw them."""
    fakes, reals, detector = record.fakes, record.reals, record.detector
    found: dict[str, Any] = {"fake_count": fakes.count, "images_device": fakes.device} if fakes else {}
    if reals is not None:
        found |= {"real_count": reals.count, "subset_seed": reals.subset_seed}
    if detector is not None:
        found |= {"detector": detector.name, "preprocessing": detector.preprocessing}
        found["detector_sha256"] = detector.weights_sha256
    return found


def fid_infinity(record: Measurement | None) -> tuple[float, float] | None:
    """FID at infinitely many fakes and its standard error, where the metric gives them."""
    found = record.details.get("fid_infinity") if record is not None else None
    pair = [found.get(name) for name in ("value", "standard_error")] if isinstance(found, dict) else []
    numbers = [float(x) for x in pair if isinstance(x, int | float)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None
