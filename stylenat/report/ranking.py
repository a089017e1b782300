"""Models with both an FID and a throughput, in groups that may be ranked, and the Pareto front of such a group."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stylenat.report.alike import Standing, conditions, current, mean_of, reasons, standing_of
from stylenat.report.comparison import Averaged, resolution_of
from stylenat.report.leading import leading, planned_for
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import device

WORDS = {"fid": "FID", "throughput": "throughput"}
ALONE = "the only model on an axis of numbers that may not stand beside published ones"


@dataclass(frozen=True)
class Point:
    """A model that was measured in both ways."""

    fid: Averaged
    speed: Averaged

    @property
    def model(self) -> str:
        """Its name."""
        return self.fid.model


@dataclass(frozen=True)
class Group:
    """Points that may be ranked: protocols, reals, detector and the device that timed them are the same."""

    resolution: int
    standing: Standing
    dataset: str
    device: str
    points: list[Point]


def front(points: Iterable[Point]) -> list[Point]:
    """The points that none beats in one way without losing in the other, the slowest first."""
    left, best = [], float("inf")
    for point in sorted(points, key=lambda point: (-point.speed.value, point.fid.value)):
        if point.fid.value < best:
            left.append(point)
            best = point.fid.value
    return left[::-1]


def groups_of(data: ReportData) -> list[Group]:
    """All points by what they must share to be ranked; one that can be set beside nothing at all is no group."""
    found: dict[tuple, list[Point]] = {}
    fids, speeds = (_by_model(data, metric) for metric in WORDS)
    for model in (name for name in fids if name in speeds):
        for shared, distances in _split(fids[model], conditions).items():
            for timed, timings in _split(speeds[model], _timed).items():
                standing = _stricter(distances[0], timings[0])
                key = (resolution_of(data, model) or 0, standing.words, shared, timed)
                found.setdefault(key, []).append(Point(mean_of(data, distances), mean_of(data, timings)))
    groups = [Group(key[0], Standing(key[1]), key[2][0], key[3][0], found[key]) for key in sorted(found)]
    return [group for group in groups if not group.standing.words or len(group.points) > 1]


def missing(data: ReportData, groups: list[Group]) -> str:
    """The models that were to have one number or the other and are no points, by reason."""
    drawn = {point.model for group in groups for point in group.points}
    planned = {metric: planned_for(data, metric).get(leading(data, metric), []) for metric in WORDS}
    why: dict[str, list[str]] = {}
    for model in sorted({entry.planned.model for entries in planned.values() for entry in entries} - drawn):
        words = ", ".join(filter(None, [_why_not(data, model, metric, planned[metric]) for metric in WORDS]))
        why.setdefault(words or ALONE, []).append(model)
    return "; ".join(f"{', '.join(models)} ({reason})" for reason, models in why.items())


def _by_model(data: ReportData, metric: str) -> dict[str, list[Entry]]:
    """What was measured under the leading protocol, against each model's own set; none outside its controls."""
    planned = planned_for(data, metric).get(leading(data, metric), [])
    found: dict[str, list[Entry]] = {}
    for entry in current(data, planned):
        if _is_own(data, entry) and entry.value > 0 and not data.flag(entry.planned):
            found.setdefault(entry.planned.model, []).append(entry)
    return found


def _is_own(data: ReportData, entry: Entry) -> bool:
    return entry.planned.dataset in ("", data.models[entry.planned.model].dataset)


def _split(entries: list[Entry], key: Callable[[Entry], tuple[str, ...]]) -> dict[tuple[str, ...], list[Entry]]:
    found: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        found.setdefault(key(entry), []).append(entry)
    return found


def _timed(entry: Entry) -> tuple[str, ...]:
    return (device(entry.record), standing_of(entry).words)


def _stricter(distance: Entry, timing: Entry) -> Standing:
    """The label of a pair: that of the distance, unless only the timing has one."""
    return standing_of(distance) if standing_of(distance).words else standing_of(timing)


def _why_not(data: ReportData, model: str, metric: str, planned: list[Entry]) -> str:
    """Why one number of a model can't be drawn; empty if it can."""
    own = [entry for entry in planned if entry.planned.model == model and _is_own(data, entry)]
    if not own:
        return f"no {WORDS[metric]} in this run"
    if model in _by_model(data, metric):
        return ""
    flags = [data.flag(entry.planned) for entry in own]
    return f"{WORDS[metric]}: {next(filter(None, flags), '') or reasons(own)}"
