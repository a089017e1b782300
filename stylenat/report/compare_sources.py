"""What a campaign recorded of one measurement or of the judging of one claim, as named facts."""

import json
from collections.abc import Mapping
from typing import Any

from stylenat.core.records import Measurement
from stylenat.core.strict import Strict
from stylenat.report.compare_facts import Facts
from stylenat.report.load import Judged, ReportData

PROSE = {"name", "title", "quote", "place", "note", "reference", "licence", "changes", "tolerance_reason", "method",
         "versions", "reason", "hardware", "hours", "assumed"}  # fmt: skip


def facts_of(data: ReportData, record: Measurement) -> Facts:
    """What decided one measurement: its record, and the cards of its plan."""
    git, reals, fakes = record.git, record.reals, record.fakes
    kinds: dict[str, dict[str, Any]] = {
        "comparable": {"comparable": f"{_text(record.comparable)} {record.comparable_reason}".strip()},
        "demo": {"demo": record.demo},
        "protocol_version": {"protocol version": record.protocol_version},
        "metric_version": {"metric version": f"{record.metric} {record.metric_version}"},
        "code": {"code fingerprint": record.code},
        "device": {f"device {name}": value for name, value in record.device.items()},
        "flags": {f"flag {name}": value for name, value in record.flags.items()},
        "versions": {f"version of {name}": value for name, value in record.versions.items()},
        "git": {f"git {name}": value for name, value in git.items()},
        "inputs": {f"input {_below_results(data, path)}": digest for path, digest in record.inputs.items()},
    }
    if fakes is not None:
        kinds |= {"weights": {"weights sha256": fakes.weights_sha256}, "fakes": {"number of fakes": fakes.count}}
        kinds["device"]["device of the images"] = fakes.device
        kinds["batch_size"] = {"batch size": data.plan.run.batch_size}
    if reals is not None:
        kinds["data"] = {"data fingerprint": reals.fingerprint}
        kinds["resize_filter"] = {"resize filter": reals.resize_filter}
        kinds["reals"] = {"number of reals": reals.count, "seed of the subset of reals": reals.subset_seed}
    used = {"reals": reals, "fakes": fakes}
    kinds["statistics"] = {
        f"key of the {name}' statistics, which covers the code": one.statistics for name, one in used.items() if one
    }
    if record.detector is not None:
        kinds["detector"] = {"detector": f"{record.detector.name}, preprocessing {record.detector.preprocessing}"}
        kinds["detector_weights"] = {"detector weights sha256": record.detector.weights_sha256}
    return _facts(kinds) | _cards_of(data, record)


def _facts(kinds: Mapping[str, Mapping[str, Any]]) -> Facts:
    return {(kind, name): _text(value) for kind, named in kinds.items() for name, value in named.items()}


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _below_results(data: ReportData, path: str) -> str:
    """A path as it is in any campaign: without the folder of results, which has another name in each."""
    return path.removeprefix(f"{data.plan.run.results.rstrip('/')}/")


def _cards_of(data: ReportData, record: Measurement) -> Facts:
    """The cards behind a measurement, key by key; prose decides nothing."""
    model = data.models.get(record.model)
    protocol = data.protocols.get(record.protocol)
    detector = data.detectors.get(protocol.detector or "") if protocol else None
    training = data.training.get(model.weights.train or "") if model else None
    of_kind = {"protocol": protocol, "model": model, "training": training, "detector": detector}
    # What the record has itself is not told again.
    told = {"protocol": {"version", "seeds"}, "detector": {"preprocessing", "weights"}}
    return {
        (f"{kind}_card", f"{kind} card's {key}"): value
        for kind, card in of_kind.items()
        for key, value in _flat(card).items()
        if key.split(".")[0] not in told.get(kind, set())
    }


def _flat(card: Strict | None) -> dict[str, str]:
    """The keys of a card that decide something, with dots, and their values."""
    found: dict[str, str] = {}

    def add(values: Mapping[str, Any], before: str) -> None:
        for key, value in values.items():
            if isinstance(value, dict):
                add(value, f"{before}{key}.")
            else:
                found[f"{before}{key}"] = _text(value)

    if card is not None:
        plain = card.model_dump(mode="json", by_alias=True, exclude_none=True)
        add({key: value for key, value in plain.items() if key not in PROSE}, "")
    return found


def judging_facts(data: ReportData, judged: Judged) -> Facts:
    """What judged a claim: its card, the published numbers that it names, and the code."""
    claim = judged.claim
    found = {("claim_card", f"claim card's {key}"): value for key, value in _flat(claim).items()}
    keys = [claim.published, *(key for reading in claim.readings for key in reading.inputs.values())]
    for key in filter(None, keys):
        number = data.number(key)
        if number is not None:
            value = f"{number.value!r} {number.unit}" + (f" on {number.hardware}" if number.hardware else "")
            found["published_number", f"published number {key}"] = value
    if judged.verdict.code:
        found["judging_code", "fingerprint of the judging code"] = judged.verdict.code
    return found
