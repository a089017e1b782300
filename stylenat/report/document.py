"""What `report.json` holds: the page's content for machines. The shipped JSON Schema is that of `Document`."""

from typing import Any, Literal

from pydantic import Field

from stylenat.core.records import VerdictStatus
from stylenat.core.simulated import Simulation
from stylenat.core.strict import Strict
from stylenat.report.rows import ClaimRow, Demo, Grade, MeasurementRow, PublishedRow, told


class RunInfo(Strict):
    """The run that is reported."""

    name: str
    title: str
    demo: bool = told("a run in small, which checks the machinery")
    banner: str | None = told("what must be known before any number of a demo is read")


class Reading(Strict):
    """One reading of a printed figure, computed from published numbers; without a value, the reason is its name."""

    claim: str
    title: str
    printed: str = told("as the paper prints it")
    reading: str | None
    formula: str | None = told("with its numbers filled in")
    value: float | None
    unit: str | None
    fits: bool | None = told("whether the value rounds to what is printed")
    grades: str | None = told("of the published numbers, separated by spaces")
    sources: str | None = told("these numbers, each as card/id, separated by spaces")
    text: str | None


class Claim(ClaimRow):
    """A claim or check with its caveats; versions and records as lists."""

    versions: list[str] = told("versions of the paper that claim it")
    records: list[str] = told("paths of the measurements that the verdict needs")
    tolerance: float | None
    tolerance_reason: str | None
    note: str | None


class Compared(Strict):
    """One published or measured number of the comparison, or the reason why nothing was measured."""

    resolution: int
    method: str
    quantity: str
    kind: Literal["published", "measured", "not measured"]
    value: float | None
    unit: str | None
    sd: float | None = told("standard deviation over seeds")
    seeds: int | None = told("how many")
    grade: Grade | None
    where: str = told("published: card/id; measured: protocol/model; not measured: the reason")
    demo: Demo | None
    inferred: str | None = told("which part of the architecture no source states")
    flag: str | None = told("why the model is outside its controls and may not be ranked")
    made_by: str | None


class Part(Strict):
    """The parameters of one part of a network."""

    name: str
    count: int


class Network(Strict):
    """The parameter count of one network."""

    model: str
    title: str
    network: str = told("generator or discriminator")
    parameters: float | None
    reason: str | None = told("why there is no count")
    buffers: int | None = told("elements of buffers, which are no parameters")
    parts: list[Part]
    record: str = told("path of the measurement")


class Measurement(MeasurementRow):
    """A planned measurement with what it was made from."""

    metric_version: int | None
    inputs: dict[str, str] = told("path of each input -> its SHA-256")
    switches: dict[str, Any] = told("of the backends, during the measurement")


class Assumption(Strict):
    """What a model or a recipe rests on that no source confirms."""

    name: str = told("of the card")
    title: str
    kind: str = told("architecture, note or recipe")
    text: str


class Setting(Strict):
    """One way in which records were made."""

    name: str
    value: str
    count: int = told("of the records that share it")


class Figure(Strict):
    """A figure of the page; without files, the problem says why."""

    section: str
    name: str
    title: str
    caption: str | None
    alt: str | None
    files: list[str] = told("beside the report")
    problem: str | None


class Document(Strict):
    """The report of one run. Every key is always there; null stands for nothing."""

    schema_version: Literal[1] = Field(description="raised when a reader of the last one could fail")
    run: RunInfo
    counts: dict[VerdictStatus, int] = told("how many claims have each verdict")
    claims: list[Claim]
    checks: list[Claim] = told("of the harness on itself")
    arithmetic: list[Reading]
    comparison: list[Compared]
    published: list[PublishedRow]
    networks: list[Network]
    conventions: list[str] = told("how operations were counted")
    measurements: list[Measurement]
    assumptions: list[Assumption]
    environment: list[Setting]
    figures: list[Figure]
    simulation: Simulation | None = told("what the error bars of a distance are worth")
    simulation_problem: str | None


def schema() -> dict[str, Any]:
    """The JSON Schema of `report.json`, which is shipped as `report.schema.json`."""
    made = Document.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
