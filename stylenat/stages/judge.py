"""Stage `judge`: one claim and its planned records become a verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stylenat.claims.evidence import Against, Evidence, Reals, why_unplanned
from stylenat.claims.rules import judge
from stylenat.core.cards import DatasetCard, ModelCard, ProtocolCard
from stylenat.core.claim_cards import ClaimCard, Published, PublishedCard
from stylenat.core.controls import Key, flags
from stylenat.core.errors import InputError, nearest
from stylenat.core.files import sha256_file
from stylenat.core.plan import Plan, PlannedRecord, read_plan
from stylenat.core.records import Measurement, failed_path, read_measurement, write_record
from stylenat.core.strict import Model, parse


@dataclass
class _Files:
    """The planned records of one claim as they lie on disk: what was read, and what is not there."""

    read: dict[str, Measurement] = field(default_factory=dict)  # planned path -> record, a failed one too
    used: dict[str, str] = field(default_factory=dict)  # path of each file that was read -> sha256


def run(plan_path: Path, claim: str, results: Path, out: Path, code: str) -> None:
    """Judge a claim on the records that the plan names under `results`, and write the verdict to `out`.

    A record of the claim's own that is missing, or that left only its failure, makes the verdict `not_run` with that
    reason. Controls and other sets of reals are read where they are there, and named among the verdict's records.

    Raises:
        InputError: the plan does not judge this claim, or a plan, card or record is broken.
    """
    plan = read_plan(plan_path)
    planned = _planned(plan, claim, plan_path)
    card = _card(plan, "claims", claim, ClaimCard)
    protocol = _card(plan, "protocols", card.protocol, ProtocolCard) if card.protocol else None
    files, evidence = _Files(), {}
    if protocol is not None:
        files = _read_all(planned, Path(results))
        unranked = _flags(plan, protocol, files.read)
        for name in filter(None, [card.subject, *card.reference]):
            records = [record for record in planned if record.model == name]
            evidence[name] = _evidence(plan, name, protocol, records, files.read, unranked)
    verdict = judge(card, evidence, _lookup(plan), protocol, plan.run.demo)
    write_record(out, verdict.model_copy(update={"records": files.used, "code": code}))


def _planned(plan: Plan, claim: str, plan_path: Path) -> list[PlannedRecord]:
    verdicts = {verdict.claim: verdict for verdict in plan.verdicts}
    if claim not in verdicts:
        raise InputError(f"{plan_path}: the plan judges no claim '{claim}'; {nearest(claim, verdicts)}")
    return [record for record in plan.records if record.path in verdicts[claim].records]


def _card(plan: Plan, kind: str, name: str, model: type[Model]) -> Model:
    if name not in plan.cards.get(kind, {}):
        raise InputError(f"the plan holds no card '{name}' in {kind}; {nearest(name, plan.cards.get(kind, {}))}")
    return parse(plan.cards[kind][name], model, f"plan: {kind}/{name}")


def _lookup(plan: Plan) -> Callable[[str], Published]:
    """Published numbers of the plan by `card/id`."""

    def published(key: str) -> Published:
        card_name, _, number_id = key.partition("/")
        card = _card(plan, "published", card_name, PublishedCard)
        numbers = {number.id: number for number in card.numbers}
        if number_id not in numbers:
            raise InputError(f"plan: no number '{number_id}' in published/{card_name}; {nearest(number_id, numbers)}")
        return numbers[number_id]

    return published


def _read_all(planned: list[PlannedRecord], results: Path) -> _Files:
    files = _Files()
    for record in planned:
        made = results / record.path
        path = made if made.is_file() else failed_path(made)
        if path.is_file():
            files.read[record.path] = _read(path, record)
            files.used[path.relative_to(results).as_posix()] = sha256_file(path)
    return files


def _read(path: Path, planned: PlannedRecord) -> Measurement:
    record = read_measurement(path)
    found, expected = ((r.protocol, r.model, r.dataset, r.seed) for r in (record, planned))
    if found != expected:
        raise InputError(f"{path}: holds the record of {found}, expected {expected}")
    return record


def _flags(plan: Plan, protocol: ProtocolCard, read: Mapping[str, Measurement]) -> dict[Key, str]:
    """Why models of the claim may not be ranked, by their records and the controls' under the protocol as it is now."""
    current = [record for record in read.values() if record.protocol_version == protocol.version]
    names = {record.model for record in current}
    return flags(current, {name: _card(plan, "models", name, ModelCard) for name in names})


def _evidence(
    plan: Plan,
    name: str,
    protocol: ProtocolCard,
    planned: list[PlannedRecord],
    read: Mapping[str, Measurement],
    unranked: Mapping[Key, str],
) -> Evidence:
    """The records of one model: against its own set, and against each other set."""
    model = _card(plan, "models", name, ModelCard)
    own = [record for record in planned if record.dataset in ("", model.dataset)]
    sets = dict.fromkeys(record.dataset for record in planned if record not in own)
    if not own:
        return Evidence(name, [], [why_unplanned(model, protocol, plan.run, list(sets))])
    against = []
    for dataset in sets:
        of_set = [record for record in planned if record.dataset == dataset]
        records = [read[record.path] for record in of_set if record.path in read]
        flag = unranked.get((protocol.name, dataset, name), "")
        against.append(Against(_reals(plan, dataset), records, len(of_set), flag))
    absent = [f"{record.path} has not been made" for record in own if record.path not in read]
    found = Evidence(name, [read[record.path] for record in own if record.path in read], absent, others=against)
    if not protocol.on_images or model.dataset is None:
        return replace(found, inferred=model.inferred)
    # Imported weights that fit an inferred architecture have confirmed it.
    inferred = "" if model.weights.imported is not None else model.inferred
    flag = unranked.get((protocol.name, model.dataset, name), "")
    return replace(found, reals=_reals(plan, model.dataset), flag=flag, inferred=inferred)


def _reals(plan: Plan, dataset: str) -> Reals:
    return Reals(dataset, _card(plan, "datasets", dataset, DatasetCard).resize_filter)
