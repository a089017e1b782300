"""Everything the report shows, read from a plan and the files that it names.

No fault in a file stops the report: a broken or missing file becomes an entry that says why it is not there. A
verdict is shown only while every record that it rested on is still the same file.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stylenat.core import cards, claim_cards, training_cards
from stylenat.core.controls import Key, flags
from stylenat.core.errors import InputError, nearest
from stylenat.core.files import sha256_file
from stylenat.core.plan import Plan, PlannedRecord, PlannedVerdict
from stylenat.core.records import (
    Measurement,
    Status,
    Verdict,
    VerdictStatus,
    failed_path,
    read_measurement,
    read_verdict,
)
from stylenat.core.strict import Model, parse
from stylenat.report.appendix import Simulated, read_simulated
from stylenat.report.artifacts import History, Samples, read_history, read_samples
from stylenat.report.head_maps import HeadMaps, read_maps
from stylenat.report.stale import stale_reason

UNREADABLE = (OSError, ValueError, RecursionError)  # InputError is a ValueError; deep nesting recurses


@dataclass(frozen=True)
class Entry:
    """One planned measurement: its record, or the reason why there is none."""

    planned: PlannedRecord
    status: str  # ok, skipped, failed, missing
    record: Measurement | None = None
    reason: str = ""
    sha256: str = ""  # of the record's file

    @property
    def value(self) -> float | None:
        """The measured number, if there is one."""
        return self.record.value if self.record is not None and self.status == Status.OK else None

    @property
    def label(self) -> str:
        """`demo` for a demo number that means nothing outside its run, `demo run` for any other number of a demo."""
        if self.record is None or self.value is None or not self.record.demo:
            return ""
        return "demo run" if self.record.comparable else "demo"


@dataclass(frozen=True)
class Judged:
    """One planned claim with its verdict; a stale or missing verdict has become `not_run`."""

    claim: claim_cards.ClaimCard
    verdict: Verdict
    planned: PlannedVerdict


@dataclass(frozen=True)
class ReportData:
    """A run as the report sees it."""

    plan: Plan
    models: dict[str, cards.ModelCard]
    datasets: dict[str, cards.DatasetCard]
    training: dict[str, training_cards.TrainingCard]
    detectors: dict[str, cards.DetectorCard]
    protocols: dict[str, cards.ProtocolCard]
    published: dict[str, claim_cards.PublishedCard]
    entries: list[Entry]
    judged: list[Judged]  # claims of the paper
    checks: list[Judged]  # checks of the harness on itself
    histories: dict[str, History]
    samples: dict[str, Samples]
    maps: dict[str, HeadMaps] = field(default_factory=dict)
    simulated: Simulated = field(default_factory=Simulated)
    flags: dict[Key, str] = field(default_factory=dict)  # models outside their controls, with why
    worked_out: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)  # kept by others

    def number(self, key: str | None) -> claim_cards.Published | None:
        """The published number `card/id`; None when the plan has no such number."""
        card, _, number_id = (key or "").partition("/")
        numbers = self.published[card].numbers if card in self.published else []
        return next((number for number in numbers if number.id == number_id), None)

    def entries_at(self, paths: list[str]) -> list[Entry]:
        """The measurements whose records lie at these paths, in the plan's order."""
        places = sorted({self._places[path] for path in paths if path in self._places})
        return [self.entries[place] for place in places]

    def entries_of(self, model: str) -> list[Entry]:
        """The measurements of a model, in the plan's order."""
        return self._by_model.get(model, [])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry.planned.path: place for place, entry in enumerate(self.entries)}

    @cached_property
    def _by_model(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.planned.model, []).append(entry)
        return found

    def flag(self, planned: PlannedRecord) -> str:
        """Why the model of a measurement may not be ranked there; empty when it may."""
        return self.flags.get((planned.protocol, planned.dataset, planned.model), "")


def load(plan: Plan, results: Path) -> ReportData:
    """Read what a plan names under the folder `results`; only a broken card in the plan raises InputError."""
    claims = _cards(plan, "claims", claim_cards.ClaimCard)
    judged = [_judged(planned, claims, plan, results) for planned in plan.verdicts]
    models, protocols = _cards(plan, "models", cards.ModelCard), _cards(plan, "protocols", cards.ProtocolCard)
    entries = [_entry(planned, results) for planned in plan.records]
    return ReportData(
        plan=plan,
        models=models,
        datasets=_cards(plan, "datasets", cards.DatasetCard),
        training=_cards(plan, "training", training_cards.TrainingCard),
        detectors=_cards(plan, "detectors", cards.DetectorCard),
        protocols=protocols,
        published=_cards(plan, "published", claim_cards.PublishedCard),
        entries=entries,
        judged=[item for item in judged if item.claim.about == "paper"],
        checks=[item for item in judged if item.claim.about == "harness"],
        histories={name: read_history(results / path, path) for name, path in sorted(plan.histories.items())},
        samples={name: read_samples(results / path, path) for name, path in sorted(plan.samples.items())},
        maps={name: read_maps(results / path, path, name) for name, path in sorted(plan.maps.items())},
        simulated=read_simulated(results / plan.simulation, plan.simulation),
        flags=flags(_current(entries, protocols), models),
    )


def _cards(plan: Plan, kind: str, model: type[Model]) -> dict[str, Model]:
    return {name: parse(card, model, f"plan: {kind}/{name}") for name, card in plan.cards.get(kind, {}).items()}


def _current(entries: list[Entry], protocols: dict[str, cards.ProtocolCard]) -> list[Measurement]:
    """The measurements with a value, by each protocol as it is now."""
    versions = {name: card.version for name, card in protocols.items()}
    records = [entry.record for entry in entries if entry.record is not None and entry.value is not None]
    return [record for record in records if record.protocol_version == versions.get(record.protocol)]


def _entry(planned: PlannedRecord, results: Path) -> Entry:
    path = results / planned.path
    source = path if path.exists() else failed_path(path)
    if not source.exists():
        return Entry(planned, "missing", reason="not measured yet")
    try:
        record = read_measurement(source)
        digest = sha256_file(source)
    except UNREADABLE as error:
        return Entry(planned, "failed", reason=f"the record can't be read: {' '.join(str(error).split())}")
    found, expected = ((r.protocol, r.model, r.dataset, r.seed) for r in (record, planned))
    if found != expected:
        return Entry(planned, "failed", reason=f"{planned.path} holds the record of {found}, expected {expected}")
    if source != path and record.status == Status.OK:
        return Entry(planned, "failed", reason=f"{planned.path} is gone")
    return Entry(planned, str(record.status), record, record.reason, digest)


def _judged(planned: PlannedVerdict, claims: dict[str, claim_cards.ClaimCard], plan: Plan, results: Path) -> Judged:
    if planned.claim not in claims:
        raise InputError(f"the plan holds no claim '{planned.claim}'; {nearest(planned.claim, claims)}")
    return Judged(claims[planned.claim], _verdict(planned, results, claims[planned.claim], plan), planned)


def _verdict(planned: PlannedVerdict, results: Path, claim: claim_cards.ClaimCard, plan: Plan) -> Verdict:
    path = results / planned.path
    if not path.exists():
        return _not_run(claim, plan, "not judged yet")
    try:
        verdict = read_verdict(path)
    except UNREADABLE as error:
        return _not_run(claim, plan, f"the verdict can't be read: {' '.join(str(error).split())}")
    if verdict.claim != claim.name:
        return _not_run(claim, plan, f"{planned.path} holds the verdict on '{verdict.claim}'")
    reason = stale_reason(verdict, planned, results)
    return _not_run(claim, plan, reason, verdict.rule) if reason else verdict


def _not_run(claim: claim_cards.ClaimCard, plan: Plan, reason: str, rule: str = "") -> Verdict:
    return Verdict(
        claim=claim.name,
        status=VerdictStatus.NOT_RUN,
        reason=reason,
        rule=rule,
        expected=claim.expected,
        unit=claim.unit,
        demo=plan.run.demo,
    )
