"""What the page says about claims and counts: plain values and finished words, no HTML."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimKind, Published
from stylenat.core.records import Measurement, VerdictStatus
from stylenat.report.comparison import Averaged, Quoted, averages, quotes
from stylenat.report.load import Entry, Judged, ReportData
from stylenat.report.names import FullName, name_of
from stylenat.report.tables import demo_label, own_entries, published_text, verdict_name
from stylenat.report.wording import VERDICTS, interval, with_unit


@dataclass(frozen=True)
class State:
    """A verdict's status as it is shown, with the number of claims that have it."""

    key: str
    words: str
    sign: str
    meaning: str
    count: int


@dataclass(frozen=True)
class VerdictView:
    """One claim as a card of the page."""

    judged: Judged
    published: str
    source: Published | None
    measured: str  # empty: nothing was measured
    interval: str
    label: str  # demo label of the measured number
    protocol: ProtocolCard | None
    entries: list[Entry]
    made: list[Entry]  # the measurements behind the number
    name: FullName | None  # of the measured number
    by_set: list[Averaged]  # the subject's number against each set of reals, where there is more than one


def states(data: ReportData) -> list[State]:
    """All statuses in order, with their counts, zero included."""
    counts = Counter(judged.verdict.status for judged in data.judged)
    return [State(key, *words, counts[VerdictStatus(key)]) for key, words in VERDICTS.items()]


def verdicts(data: ReportData, status: str | None = None) -> list[VerdictView]:
    """The claims with this status, or all of them."""
    chosen = [judged for judged in data.judged if status is None or judged.verdict.status == status]
    return [_view(data, judged) for judged in chosen]


def checks(data: ReportData) -> list[VerdictView]:
    """The harness's checks on itself."""
    return [_view(data, judged) for judged in data.checks]


def _view(data: ReportData, judged: Judged) -> VerdictView:
    claim, verdict = judged.claim, judged.verdict
    unit = verdict.unit or claim.unit
    return VerdictView(
        judged=judged,
        published=published_text(data, claim),
        source=data.number(claim.published),
        measured="" if verdict.measured is None else with_unit(verdict.measured, unit),
        interval=interval(verdict.interval),
        label=demo_label(data, judged),
        protocol=data.protocols.get(claim.protocol or ""),
        entries=data.entries_at(judged.planned.records),
        made=[entry for entry in own_entries(data, judged) if entry.value is not None],
        name=verdict_name(data, judged),
        by_set=_by_set(data, judged),
    )


def _by_set(data: ReportData, judged: Judged) -> list[Averaged]:
    entries = data.entries_at(judged.planned.records) if judged.verdict.measured is not None else []
    means = averages(data, [entry for entry in entries if entry.planned.model == judged.claim.subject])
    return means if len(means) > 1 else []


def arithmetic_note(data: ReportData) -> str:
    """How many claims rest on no measurement at all, so that nobody counts them as measured; empty for none."""
    count = sum(judged.claim.kind == ClaimKind.ARITHMETIC for judged in data.judged)
    if not count:
        return ""
    rest = "rests on arithmetic" if count == 1 else "rest on arithmetic"
    return f"{count} of the {len(data.judged)} claims {rest} with published numbers: nothing was measured for that."


def measured_word(view: VerdictView) -> str:
    """How the number of a verdict was come by."""
    return "Computed" if view.judged.claim.kind == ClaimKind.ARITHMETIC else "Measured"


def demo_banner(data: ReportData) -> str:
    """What a reader must know before reading any number of a demo; empty for a full run."""
    if not data.plan.run.demo:
        return ""
    measured = {entry.planned.protocol for entry in data.entries}
    detectors = {data.protocols[name].detector for name in measured if name in data.protocols}
    used = [data.detectors[name] for name in detectors if name in data.detectors]
    random = bool(used) and all(detector.weights.random_seed is not None for detector in used)
    names = {data.models[e.planned.model].dataset for e in data.entries if e.planned.model in data.models}
    sets = [data.datasets[name] for name in names if name in data.datasets]
    crops = {card.count for card in sets if card.source.kind == "photographs"}
    how = "with a random-weight detector" if random else "in a run in small"
    where = f" on {' and '.join(f'{count:,}' for count in sorted(crops))} photograph crops" if crops else ""
    return f"Numbers marked demo were made {how}{where}: they check the machinery, not the paper."


def elsewhere(data: ReportData) -> list[Quoted]:
    """What third parties report."""
    return [quoted for quoted in quotes(data) if quoted.card.elsewhere]


@dataclass(frozen=True)
class Network:
    """The parameter count of one network of one model, by part."""

    model: str
    title: str
    part: str  # generator or discriminator
    entry: Entry
    parts: list[tuple[str, int]]  # largest first
    buffers: int | None
    name: FullName


def networks(data: ReportData) -> list[Network]:
    """Every planned parameter count, made or not, with its parts as the record tells them."""
    found = []
    for entry in data.entries:
        protocol = data.protocols.get(entry.planned.protocol)
        if protocol is None or protocol.metric != "parameters":
            continue
        details = entry.record.details if entry.record is not None else {}
        title = data.models[entry.planned.model].title if entry.planned.model in data.models else entry.planned.model
        part = str(protocol.parameters.get("part", "generator"))
        counts, name = parts_of(details), name_of(data, [entry])
        found.append(Network(entry.planned.model, title, part, entry, counts, details.get("buffers"), name))
    return sorted(found, key=lambda network: (network.model, network.part != "generator"))


def parts_of(details: dict[str, Any]) -> list[tuple[str, int]]:
    """A count by part, largest first; anything but a mapping of names to numbers is no part."""
    parts = details.get("by_child", details.get("parts"))
    if not isinstance(parts, dict):
        return []
    counts = [(str(name), count) for name, count in parts.items() if isinstance(count, int)]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True)
class Assumption:
    """What a model or a recipe rests on that no source confirms."""

    name: str  # of the card
    title: str
    kind: str  # architecture, note or recipe
    text: str


def assumptions(data: ReportData) -> list[Assumption]:
    """Of every model of the run and every claim, and of the recipes that train them; what can't be had at all too."""
    claimed = {name for judged in data.judged for name in (judged.claim.subject, *judged.claim.reference)}
    names = {entry.planned.model for entry in data.entries} | claimed | set(data.histories)
    models = [data.models[name] for name in sorted(filter(None, names)) if name in data.models]
    found = []
    for model in models:
        texts = [("architecture", f"inferred: {model.inferred}" if model.inferred else ""), ("note", model.note)]
        found += [Assumption(model.name, model.title, kind, text) for kind, text in texts if text and not model.control]
    recipes = sorted({model.weights.train for model in models if model.weights.train in data.training})
    for recipe in (data.training[name] for name in recipes):
        found += [Assumption(recipe.name, recipe.title, "recipe", text) for text in recipe.assumed]
    return found


@dataclass(frozen=True)
class Setting:
    """One way in which records were made: how many share it."""

    name: str
    value: str
    count: int


def environment(data: ReportData) -> list[Setting]:
    """Revisions, devices and versions that the records name, most common first."""
    records = [entry.record for entry in data.entries if entry.record is not None]
    seen = Counter(fact for record in records for fact in _facts(record))
    first = ["git revision", "device", "python"]
    order = {name: place for place, name in enumerate(first)}
    found = [Setting(name, value, count) for (name, value), count in seen.items()]
    return sorted(found, key=lambda s: (order.get(s.name, len(first)), s.name, -s.count, s.value))


def _facts(record: Measurement) -> Iterator[tuple[str, str]]:
    dirty = " (with uncommitted changes)" if record.git.get("dirty") else ""
    yield "git revision", str(record.git.get("revision", "unknown")) + dirty
    yield "device", str(record.device.get("name", "not recorded"))
    yield from record.versions.items()


def conventions(data: ReportData) -> list[str]:
    """How operations were counted, as the records say."""
    found = [e.record.details.get("convention") for e in data.entries if e.record and e.record.metric == "flops"]
    return list(dict.fromkeys(str(text) for text in found if text))
