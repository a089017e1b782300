"""Stage `judge`: one claim and its planned records become a verdict."""

from collections.abc import Callable
from pathlib import Path

from stylenat.claims.evidence import Evidence, why_unplanned
from stylenat.claims.rules import judge
from stylenat.core.cards import DatasetCard, ModelCard, ProtocolCard
from stylenat.core.claim_cards import ClaimCard, Published, PublishedCard
from stylenat.core.errors import InputError, nearest
from stylenat.core.files import sha256_file
from stylenat.core.plan import Plan, PlannedRecord, read_plan
from stylenat.core.records import Measurement, failed_path, read_measurement, write_record
from stylenat.core.strict import Model, parse


def run(plan_path: Path, claim: str, results: Path, out: Path, code: str) -> None:
    """Judge a claim on the records that the plan names under `results`, and write the verdict to `out`.

    A record that is missing, or that left only its failure, makes the verdict `not_run` with that reason.

    Raises:
        InputError: the plan does not judge this claim, or a plan, card or record is broken.
    """
    plan = read_plan(plan_path)
    planned = _planned(plan, claim, plan_path)
    card = _card(plan, "claims", claim, ClaimCard)
    protocol = _card(plan, "protocols", card.protocol, ProtocolCard) if card.protocol else None
    evidence: dict[str, Evidence] = {}
    used: dict[str, str] = {}
    if protocol is not None:
        for name in filter(None, [card.subject, *card.reference]):
            records = [record for record in planned if record.model == name]
            evidence[name] = _evidence(plan, name, protocol, records, Path(results), used)
    verdict = judge(card, evidence, _lookup(plan), protocol, plan.run.demo)
    write_record(out, verdict.model_copy(update={"records": used, "code": code}))


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


def _evidence(
    plan: Plan, name: str, protocol: ProtocolCard, planned: list[PlannedRecord], results: Path, used: dict[str, str]
) -> Evidence:
    """The records of one model; each file that was read goes into `used` with its sha256."""
    model = _card(plan, "models", name, ModelCard)
    if not planned:
        return Evidence(name, [], [why_unplanned(model, protocol, plan.run)])
    records, absent = [], []
    for record in planned:
        made = results / record.path
        path = made if made.is_file() else failed_path(made)
        if not path.is_file():
            absent.append(f"{record.path} has not been made")
            continue
        records.append(_read(path, record))
        used[path.relative_to(results).as_posix()] = sha256_file(path)
    return Evidence(name, records, absent, _condition(plan, model, protocol), _inferred(model, protocol))


def _read(path: Path, planned: PlannedRecord) -> Measurement:
    record = read_measurement(path)
    found, expected = ((r.protocol, r.model, r.seed) for r in (record, planned))
    if found != expected:
        raise InputError(f"{path}: holds the record of {found}, expected {expected}")
    return record


def _inferred(model: ModelCard, protocol: ProtocolCard) -> str:
    """What of an architecture is inferred; imported weights that fit it have confirmed it."""
    return "" if protocol.needs == "features" and model.weights.imported is not None else model.inferred


def _condition(plan: Plan, model: ModelCard, protocol: ProtocolCard) -> str:
    """What a comparison with real images hangs on: how the reals were resized."""
    if protocol.needs != "features" or model.dataset is None:
        return ""
    dataset = _card(plan, "datasets", model.dataset, DatasetCard)
    if dataset.resize_filter == "none":
        return ""
    return f"It holds for reals resized with the {dataset.resize_filter} filter ({dataset.name}); others shift it."
