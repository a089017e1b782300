"""The rows of the report's tables with their types: the one source of CSV, Parquet and JSON columns.

Nothing is null, in every column: no empty string, no NaN. Only what a card or the plan always has can't be null.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from stylenat.core.records import VerdictStatus
from stylenat.core.strict import Strict

Demo = Literal["demo", "demo run"]
Grade = Literal["A", "A-fig", "B", "C", "S", "unconfirmed"]


def told(words: str) -> Any:
    """A field that every row has, with what it means."""
    return Field(description=words)


class ClaimRow(Strict):
    """One claim or check: the paper's words, the published and the measured number, the verdict and why."""

    claim: str = told("name of the claim's card")
    title: str
    about: Literal["paper", "harness"] = told("harness: a check of the harness on itself")
    kind: str = told("what the claim asserts: value, at_most, less_than, ratio, ordering, arithmetic")
    versions: str | None = told("versions of the paper that claim it, separated by spaces")
    place: str = told("where in the paper")
    quote: str = told("the paper's words")
    published: float | None = told("the published number, or the published bound")
    unit: str | None
    published_text: str = told("what the paper says, in few words")
    source: str | None = told("the published number behind it, as card/id")
    grade: Grade | None = told("how good that source is, from A to unconfirmed")
    measured: float | None = told("the measured number; of an arithmetic claim the computed one")
    low: float | None = told("lower end of the 95 % interval over seeds")
    high: float | None = told("upper end of the 95 % interval over seeds")
    protocol: str = told("name of the protocol; arithmetic: nothing is measured")
    protocol_version: int | None
    verdict: VerdictStatus
    why: str | None = told("the reason of the verdict")
    rule: str | None = told("the rule that gave the verdict, with its numbers")
    demo: Demo | None = told("demo: the measured number checks the machinery, not the paper")
    made_by: str | None = told("full name of the measured number: protocol, images, seeds, reals, detector, device")
    records: str | None = told("paths of the measurements that the verdict needs, separated by spaces")


class MeasurementRow(Strict):
    """One planned measurement, made or not."""

    protocol: str
    protocol_version: int | None
    metric: str | None
    model: str = told("name of the model's card")
    seed: int
    dataset: str | None = told("whose images are the reals; null: the metric needs none")
    resize_filter: str | None = told("of the reals")
    status: Literal["ok", "skipped", "failed", "missing"]
    reason: str | None = told("why there is no value")
    value: float | None
    unit: str | None = told("1: a number without unit")
    standard_error: float | None = told("of this one run, over draws of the fakes")
    standard_error_method: str | None
    fid_infinity: float | None = told("the distance that infinitely many fakes would have")
    fid_infinity_standard_error: float | None
    flag: str | None = told("why the model is outside its controls and may not be ranked")
    demo: Demo | None = told("demo: the number checks the machinery, not the paper")
    comparable: bool | None = told("whether it may stand beside published numbers")
    comparable_reason: str | None
    images: str | None = told("how many fakes and reals, in words")
    fake_count: int | None
    real_count: int | None
    subset_seed: int | None = told("of the random subset of the reals; null: all of the set, or no reals")
    detector: str | None
    preprocessing: str | None
    detector_sha256: str | None = told("of the detector's weights")
    device: str | None = told("what made the number")
    images_device: str | None = told("what made the images")
    code: str | None = told("fingerprint of the code that decides the number")
    revision: str | None = told("git revision")
    dirty: bool | None = told("whether the working tree differed from the revision")
    created: str | None = told("UTC, ISO 8601")
    wall_seconds: float | None
    command: str | None = told("makes this record again")
    path: str = told("of the record, relative to the results folder")
    sha256: str | None = told("of the record's file")


class PublishedRow(Strict):
    """One published number, with its source and grade."""

    card: str
    id: str
    method: str
    model: str | None = told("name of the model's card")
    metric: str = told("quantity, and data set or resolution")
    value: float
    unit: str
    hardware: str | None
    place: str = told("table, figure or file of the source")
    grade: Grade
    reported_elsewhere: bool = told("reported by a third party")
    title: str = told("of the source")
    reference: str = told("of the source")
    note: str | None


def nulled(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with null for all that is nothing: an empty text, a number that is none."""
    return {name: None if _is_nothing(value) else value for name, value in row.items()}


def _is_nothing(value: Any) -> bool:
    return value == "" or (isinstance(value, float) and not math.isfinite(value))
