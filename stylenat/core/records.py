"""Measurements and verdicts as files: one JSON each, typed, written atomically."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from stylenat.core.files import read_json, write_json
from stylenat.core.strict import Strict, parse

SCHEMA_VERSION = 1


class Status(StrEnum):
    """How a measurement ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"


class VerdictStatus(StrEnum):
    """What can be said of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not_reproduced"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"
    NOT_RUN = "not_run"


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class RealsUsed(Strict):
    """The real images behind a number."""

    dataset: str  # card
    fingerprint: str  # of the prepared set
    resize_filter: str
    count: int
    subset_seed: int | None = None  # of the random subset; none: all of the set
    statistics: str  # key of the cached statistics


class FakesUsed(Strict):
    """The generated images behind a number."""

    count: int
    weights_sha256: str  # of the snapshot, or of a control's prepared set
    statistics: str  # key of the cached statistics
    device: str  # what generated and saw them


class DetectorUsed(Strict):
    """The detector behind a number."""

    name: str
    preprocessing: str
    weights_sha256: str


class StandardError(Strict):
    """How far a number of one run strays over draws of the fakes, and how that was found."""

    value: float
    method: Literal["influence function", "jackknife"]


class Measurement(Strict):
    """One number, or the reason why there is none, with all that made it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    protocol: str
    protocol_version: int
    metric: str
    metric_version: int
    model: str
    dataset: str = ""  # whose images are the reals
    seed: int
    status: Status
    reason: str = ""  # why skipped or failed
    value: float | None = None
    unit: str
    direction: Literal["lower", "higher", "none"]  # which way is better
    comparable: bool  # may stand beside published numbers
    comparable_reason: str = ""
    demo: bool
    standard_error: StandardError | None = None  # of this one run
    reals: RealsUsed | None = None
    fakes: FakesUsed | None = None
    detector: DetectorUsed | None = None
    details: dict[str, Any] = Field(default_factory=dict)  # parts, rounds, counts: the metric's own
    inputs: dict[str, str] = Field(default_factory=dict)  # path -> sha256
    code: str  # fingerprint
    git: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    device: dict[str, Any] = Field(default_factory=dict)
    flags: dict[str, Any] = Field(default_factory=dict)  # backend switches during the measurement
    command: str = ""  # makes this record again
    created: str
    wall_seconds: float

    @model_validator(mode="after")
    def _consistent(self) -> "Measurement":
        if (self.status == Status.OK) != (self.value is not None):
            raise ValueError("a measurement has a value exactly when its status is ok")
        if self.status != Status.OK and not self.reason:
            raise ValueError("a measurement that is not ok must give its reason")
        return self


class ReadingResult(Strict):
    """One reading of a printed figure, computed: does it round to what is printed?"""

    name: str
    formula: str
    inputs: dict[str, float]
    value: float
    fits: bool
    text: str = ""


class Verdict(Strict):
    """What a claim came to, by which rule, on which records."""

    schema_version: Literal[1] = SCHEMA_VERSION
    claim: str
    status: VerdictStatus
    reason: str
    rule: str  # the rule in words, with its numbers
    expected: float | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None  # 95 %, over seeds
    unit: str = ""
    readings: list[ReadingResult] = Field(default_factory=list)
    records: dict[str, str] = Field(default_factory=dict)  # path of each record -> sha256
    code: str = ""
    demo: bool


def write_record(path: Path, record: Measurement | Verdict) -> None:
    """Write a record atomically."""
    write_json(path, record.model_dump(mode="json"))


def read_measurement(path: Path) -> Measurement:
    """Read and validate a measurement; a fault raises InputError with the file's name."""
    return parse(read_json(path), Measurement, str(path))


def read_verdict(path: Path) -> Verdict:
    """Read and validate a verdict; a fault raises InputError with the file's name."""
    return parse(read_json(path), Verdict, str(path))


def failed_path(path: Path) -> Path:
    """Where a failed measurement leaves its reason: beside the record that it could not make."""
    return path.with_suffix(".failed.json")
