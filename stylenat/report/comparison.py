"""Published beside measured: which numbers belong in one cell of the comparison.

A cell is a method, a resolution and a quantity. Published numbers come from the cards of the methods' own papers;
what third parties report is kept apart. Measured numbers enter only where their records are comparable.
"""

import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stylenat.core.claim_cards import Published, PublishedCard
from stylenat.core.estimates import estimate_of
from stylenat.report.leading import leading
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import FullName, name_of
from stylenat.report.wording import GRADE_ORDER, without_prefix

QUANTITIES = {
    "fid": "FID",
    "parameters": "Parameters",
    "flops": "FLOPs",
    "throughput": "Throughput",
    "memory": "Peak memory",
}
METRICS = {quantity: quantity for quantity in QUANTITIES} | {"memory": "throughput"}  # whose records have it
NO_PEAK = "its timings tell no peak of memory: only a GPU knows it"
PRINTED = re.compile(r"^(FID|parameters|FLOPs|throughput|memory) (?:FFHQ-)?(\d+)$")


@dataclass(frozen=True)
class Quoted:
    """A published number with the card that it stands in."""

    number: Published
    card: PublishedCard

    @property
    def key(self) -> str:
        """`card/id`."""
        return f"{self.card.name}/{self.number.id}"


@dataclass(frozen=True)
class Averaged:
    """The mean of one model's measurements under one protocol against one set, with their spread over seeds."""

    model: str
    protocol: str
    dataset: str  # whose images are the reals
    value: float
    unit: str
    spread: float | None  # standard deviation over seeds; None for one seed
    seeds: int
    entries: list[Entry]
    name: FullName
    inferred: str = ""  # which part of the model's architecture no source states
    flag: str = ""  # why the model may not be ranked here

    @property
    def label(self) -> str:
        """The demo label of its records."""
        return next((entry.label for entry in self.entries if entry.label), "")

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval over seeds, or of one run where its standard error is known; None where neither is."""
        found = estimate_of([entry.record for entry in self.entries if entry.record is not None])
        return found.interval if found else None


@dataclass(frozen=True)
class Cell:
    """What is published and what was measured of one quantity; `reason` says why nothing was measured."""

    published: list[Quoted]  # the best source first
    measured: list[Averaged]  # those of the leading protocol and the model's own set first
    reason: str

    @property
    def first(self) -> list[Averaged]:
        """Of each model the number that speaks for it."""
        return list({mean.model: mean for mean in reversed(self.measured)}.values())[::-1]

    @property
    def further(self) -> list[Averaged]:
        """The numbers of the same models by other protocols and against other sets."""
        return [mean for mean in self.measured if mean not in self.first]

    @property
    def published_key(self) -> float | None:
        """The first published number, which a table sorts by, without its unit's prefix."""
        return without_prefix(self.published[0].number.value, self.published[0].number.unit) if self.published else None

    @property
    def measured_key(self) -> float | None:
        """The first measured number that may be ranked."""
        return next((without_prefix(mean.value, mean.unit) for mean in self.measured if not mean.flag), None)


@dataclass(frozen=True)
class Row:
    """One method at one resolution."""

    method: str
    resolution: int
    cells: dict[str, Cell]

    @property
    def is_measured(self) -> bool:
        """Whether anything of the row was measured."""
        return any(cell.measured for cell in self.cells.values())

    @property
    def why_nothing(self) -> str:
        """The one reason why nothing of the row was measured; empty when something was, or for several reasons."""
        reasons = {cell.reason for cell in self.cells.values()}
        return reasons.pop() if len(reasons) == 1 else ""


def quotes(data: ReportData) -> Iterator[Quoted]:
    """All published numbers, in the order of their cards."""
    for card in data.published.values():
        yield from (Quoted(number, card) for number in card.numbers)


def averages(data: ReportData, entries: list[Entry]) -> list[Averaged]:
    """Means over seeds of the measurements that have a value, by protocol, model and set of reals."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.value is not None:
            planned = entry.planned
            groups.setdefault((planned.protocol, planned.model, planned.dataset), []).append(entry)
    return [_averaged(data, group) for group in groups.values()]


def _averaged(data: ReportData, group: list[Entry]) -> Averaged:
    values, planned = [entry.value for entry in group], group[0].planned
    return Averaged(
        model=planned.model,
        protocol=planned.protocol,
        dataset=planned.dataset,
        value=statistics.fmean(values),
        unit=group[0].record.unit,
        spread=statistics.stdev(values) if len(values) > 1 else None,
        seeds=len(values),
        entries=group,
        name=name_of(data, group),
        inferred=data.models[planned.model].inferred if planned.model in data.models else "",
        flag=data.flag(planned),
    )


def resolution_of(data: ReportData, name: str) -> int | None:
    """The resolution of a model: its architecture's, or its data set's."""
    model = data.models.get(name)
    if model is None:
        return None
    found = model.arch.get("resolution")
    if not isinstance(found, int) and model.dataset in data.datasets:
        found = data.datasets[model.dataset].resolution
    return found if isinstance(found, int) else None


def comparison(data: ReportData) -> list[Row]:
    """The rows that have a published number: by resolution, the claims' own methods first."""
    if "comparison" not in data.worked_out:
        data.worked_out["comparison"] = _comparison(data)
    return data.worked_out["comparison"]


def _comparison(data: ReportData) -> list[Row]:
    cells: dict[tuple[str, int], dict[str, list[Quoted]]] = {}
    for quoted in quotes(data):
        match = PRINTED.match(quoted.number.metric)
        model = data.models.get(quoted.number.model or "")
        if match is None or model is None or quoted.card.elsewhere:
            continue
        row = cells.setdefault((model.method, int(match[2])), {})
        row.setdefault(match[1].lower(), []).append(quoted)
    subjects = {data.models[j.claim.subject].method for j in data.judged if j.claim.subject in data.models}
    order = sorted(cells, key=lambda key: (key[1], key[0] not in subjects, key[0].lower()))
    leaders = {metric: leading(data, metric) for metric in METRICS.values()}
    return [_row(data, method, resolution, cells[method, resolution], leaders) for method, resolution in order]


def _row(
    data: ReportData, method: str, resolution: int, published: dict[str, list[Quoted]], leaders: dict[str, str]
) -> Row:
    models = [n for n, m in data.models.items() if m.method == method and resolution_of(data, n) == resolution]
    return Row(
        method,
        resolution,
        {key: _cell(data, models, key, published.get(key, []), leaders) for key in QUANTITIES},
    )


def _cell(data: ReportData, models: list[str], quantity: str, published: list[Quoted], leaders: dict[str, str]) -> Cell:
    metric = METRICS[quantity]
    entries = [entry for name in models for entry in data.entries_of(name) if _is_about(data, entry, metric)]
    comparable = [entry for entry in entries if entry.record is not None and entry.record.comparable]
    best_first = sorted(published, key=lambda quoted: GRADE_ORDER.index(quoted.number.grade))
    measured = _by_weight(data, averages(data, comparable), leaders[metric])
    why_not = "" if measured else _why_not(data, models, entries)
    if quantity == "memory" and measured:
        measured = [_peak(mean) for mean in measured if _peaks(mean)]
        why_not = "" if measured else NO_PEAK
    return Cell(best_first, measured, why_not)


def _by_weight(data: ReportData, means: list[Averaged], protocol: str) -> list[Averaged]:
    """Numbers by this protocol first, of them those against the model's own set, else in the plan's order."""

    def behind(mean: Averaged) -> tuple[bool, bool]:
        return (mean.protocol != protocol, mean.dataset not in ("", data.models[mean.model].dataset))

    return sorted(means, key=behind)


def _peaks(mean: Averaged) -> list[int]:
    """The bytes that a network held at most, its own weights included, in each of its timings that tell it."""
    found = [entry.record.details.get("peak_bytes") for entry in mean.entries if entry.record is not None]
    return [peak for peak in found if isinstance(peak, int)]


def _peak(mean: Averaged) -> Averaged:
    return replace(mean, value=max(_peaks(mean)) / 2**30, unit="GiB", spread=None)


def _is_about(data: ReportData, entry: Entry, metric: str) -> bool:
    protocol = data.protocols.get(entry.planned.protocol)
    if protocol is None or protocol.metric != metric:
        return False
    return protocol.parameters.get("part", "generator") == "generator"


def _why_not(data: ReportData, models: list[str], entries: list[Entry]) -> str:
    if entries:
        reasons = [entry.reason or "not comparable with published numbers" for entry in entries]
        return "; ".join(dict.fromkeys(reasons))
    without = [data.models[name] for name in models if data.models[name].family is None]
    if models and len(without) == len(models):
        return f"published numbers only: {without[0].weights.none}"
    return "not part of this run"
