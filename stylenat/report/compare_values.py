"""The measurements behind one claim in two campaigns, paired by seed, and what differs between their records."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from stylenat.report.compare_facts import OF_STATISTICS, Difference, differences, ordered
from stylenat.report.compare_sources import facts_of
from stylenat.report.load import Entry, Judged, ReportData
from stylenat.report.wording import measured, with_unit

Key = tuple[str, str, str]  # protocol, model, set of reals


@dataclass(frozen=True)
class Pair:
    """One seed's measurement in both campaigns; None where a campaign does not plan it."""

    seed: int
    a: Entry | None
    b: Entry | None

    @property
    def both(self) -> bool:
        """Whether both campaigns have a value."""
        return all(entry is not None and entry.value is not None for entry in (self.a, self.b))

    @property
    def moved(self) -> bool:
        """Whether both campaigns have a value, or an error of it, and not the same."""
        return self.both and _number(self.a) != _number(self.b)


@dataclass(frozen=True)
class Values:
    """The measurements of one model under one protocol against one set of reals, behind one claim."""

    key: Key
    beside: bool  # controls and other sets of reals, which the claim can be judged without
    pairs: list[Pair]
    differences: list[Difference]

    @property
    def moved(self) -> list[Pair]:
        """The pairs whose value is not the same."""
        return [pair for pair in self.pairs if pair.moved]


def values_behind(data: tuple[ReportData, ReportData], judged: tuple[Judged, Judged]) -> list[Values]:
    """What differs behind a claim: the groups of measurements that do, the claim's own first."""
    groups = [_groups(*side) for side in zip(data, judged, strict=True)]
    found = []
    for key, beside in dict.fromkeys([*groups[0], *groups[1]]):
        a, b = (of_side.get((key, beside), {}) for of_side in groups)
        pairs = [Pair(seed, a.get(seed), b.get(seed)) for seed in sorted({*a, *b})]
        values = Values(key, beside, pairs, _differences(data, pairs))
        if values.differences or values.moved:
            found.append(values)
    return sorted(found, key=lambda values: values.beside)


def _groups(data: ReportData, judged: Judged) -> dict[tuple[Key, bool], dict[int, Entry]]:
    """A claim's measurements by what was measured and whether they only stand beside it, then by seed."""
    found: dict[tuple[Key, bool], dict[int, Entry]] = {}
    for entry in data.entries_at(judged.planned.records):
        planned = entry.planned
        key = (planned.protocol, planned.model, planned.dataset)
        found.setdefault((key, planned.path in judged.planned.beside), {})[planned.seed] = entry
    return found


def _differences(data: tuple[ReportData, ReportData], pairs: list[Pair]) -> list[Difference]:
    """What differs between the records: all of it where a value does, else what decides how the value is judged."""
    found = [*_seeds(pairs), *_records(pairs)]
    for pair in pairs:
        if not pair.both:
            continue
        facts = [facts_of(side, entry.record) for side, entry in zip(data, (pair.a, pair.b), strict=True)]
        differing = differences(*facts, (pair.seed,))
        found += [d for d in _weighed(differing) if pair.moved or d.judges]
    return ordered(_merged(found))


def _weighed(found: list[Difference]) -> list[Difference]:
    """Differences by what each can tell beside the others."""
    kinds = {difference.kind for difference in found}
    if "weights" not in kinds:  # a recipe acts through weights alone
        found = [difference for difference in found if difference.kind != "training_card"]
    if kinds & OF_STATISTICS:
        return found
    # A key that differs though nothing else that it covers does stands for that code: no record names it otherwise.
    return [replace(d, kind="images_code") if d.kind == "statistics" else d for d in found]


def _seeds(pairs: list[Pair]) -> list[Difference]:
    """The planned seeds, where they are not the same."""
    planned = [[pair.seed for pair in pairs if side(pair) is not None] for side in (lambda p: p.a, lambda p: p.b)]
    if planned[0] == planned[1]:
        return []
    return [Difference("seeds", "number of seeds", *(_counted(seeds) for seeds in planned))]


def _counted(seeds: list[int]) -> str:
    return f"{len(seeds)} ({', '.join(map(str, seeds))})" if seeds else "none planned"


def _records(pairs: list[Pair]) -> list[Difference]:
    """Planned records that one campaign has and the other lacks, or that both lack for different reasons."""
    found = []
    for pair in pairs:
        if pair.a is None or pair.b is None or pair.both:
            continue
        if (pair.a.status, pair.a.reason) != (pair.b.status, pair.b.reason):
            texts = [status_text(entry) for entry in (pair.a, pair.b)]
            found.append(Difference("record", f"record of seed {pair.seed}", *texts, (pair.seed,)))
    return found


def _merged(found: Iterable[Difference]) -> list[Difference]:
    """The same difference at several seeds, told once."""
    seeds: dict[tuple[str, str, str, str], tuple[int, ...]] = {}
    for item in found:
        key = (item.kind, item.name, item.a, item.b)
        seeds[key] = (*seeds.get(key, ()), *item.seeds)
    return [Difference(*key, of_key) for key, of_key in seeds.items()]


def _number(entry: Entry) -> tuple[float | None, float | None]:
    return entry.value, error_of(entry)


def error_of(entry: Entry | None) -> float | None:
    """The standard error of one measurement, where its record has one."""
    error = entry.record.standard_error if entry is not None and entry.record is not None else None
    return None if error is None or entry.value is None else error.value


def status_text(entry: Entry) -> str:
    """A measurement's status with its reason, or with its number."""
    if entry.value is None:
        return f"{entry.status}: {entry.reason}"
    error = error_of(entry)
    text = f"ok, {with_unit(entry.value, entry.record.unit)}"
    text += "" if error is None else f" ± {measured(error)}"
    return text + (f" [{entry.label}]" if entry.label else "")
