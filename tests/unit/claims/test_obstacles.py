from dataclasses import replace

import pytest
from support.judging import (
    COUNT,
    HIGH,
    SPEED,
    TIGHT,
    claim,
    evidence,
    record,
    verdict,
)

from stylenat.claims.evidence import Evidence, Reals

KINDS = [
    claim("value", expected=2, tolerance=1),
    claim("at_most", expected=3),
    claim("less_than", reference=["r"]),
    claim("ordering", reference=["r"]),
    claim("ratio", reference=["r"], expected=1, tolerance=1),
]


each_kind = pytest.mark.parametrize("card", KINDS, ids=lambda card: card.kind)


def full():
    return evidence(s=TIGHT, r=HIGH)


@each_kind
def test_a_claim_without_records_is_not_run(card):
    found = verdict(card, {"r": full()["r"], "s": Evidence("s", [], ["not in run 'demo'"])})
    assert (found.status, found.measured) == ("not_run", None)
    assert found.reason == "s: not in run 'demo'."


@each_kind
def test_a_claim_without_any_evidence_is_not_run(card):
    found = verdict(card, {})
    assert found.status == "not_run"
    assert found.reason == f"{', '.join(['s', *card.reference])}: no record under fid."


@each_kind
@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_record_without_a_value_keeps_a_claim_from_being_judged(card, status):
    bad = record(None, 7, status=status, reason="out of memory")
    found = verdict(card, full() | {"s": Evidence("s", [*full()["s"].records, bad])})
    assert found.status == "not_run"
    assert f"s: measurement {status} under fid, seed 7, because out of memory." in found.reason


@each_kind
def test_a_record_of_another_version_of_the_protocol_is_not_judged(card):
    old = [record(value, i, protocol_version=2) for i, value in enumerate(TIGHT)]
    found = verdict(card, full() | {"s": Evidence("s", old)})
    assert found.status == "not_run"
    assert "version 2 of the protocol, which is now at 1" in found.reason


@each_kind
def test_a_record_that_is_not_comparable_is_told_and_not_judged(card):
    demo = [record(v, i, comparable=False, comparable_reason="random detector") for i, v in enumerate(TIGHT)]
    found = verdict(card, full() | {"s": Evidence("s", demo)}, demo=True)
    assert found.status == "not_comparable"
    assert "random detector" in found.reason
    assert (found.measured is None) == (card.kind == "ratio")
    assert found.demo


@each_kind
def test_the_filter_of_the_reals_is_told(card):
    records = full()["s"].records
    found = verdict(card, full() | {"s": Evidence("s", records, reals=Reals("set", "box"))})
    assert found.reason.endswith("It rests on reals resized with the filter box (set); others shift it.")
    plain = verdict(card, full() | {"s": Evidence("s", records, reals=Reals("set", "none"))})
    assert "filter" not in plain.reason


@pytest.mark.parametrize(
    ("key", "device", "status"),
    [
        ("p/a", "NVIDIA GPU A 80GB", "reproduced"),  # the source names the machine, and it is this one
        ("p/a", "GPU B", "not_comparable"),
        ("p/b", "GPU A", "not_comparable"),  # the source names none
        (None, "GPU A", "not_comparable"),
    ],
)
def test_an_absolute_speed_stands_on_the_named_hardware_only(key, device, status):
    card = claim("value", SPEED, expected=2.05, tolerance=0.5, hardware_bound=True, published=key)
    found = Evidence("s", [record(v, i, protocol=SPEED, device={"name": device}) for i, v in enumerate(TIGHT)])
    result = verdict(card, {"s": found}, SPEED)
    assert result.status == status
    assert result.measured == pytest.approx(2.05)
    if status == "not_comparable":
        assert device in result.reason


def test_speeds_of_two_machines_are_not_compared():
    card = claim("ratio", SPEED, reference=["r"], expected=1, tolerance=1)
    other = [record(v, i, "r", SPEED, device={"name": "GPU B"}) for i, v in enumerate(HIGH)]
    found = verdict(card, evidence(SPEED, s=TIGHT) | {"r": Evidence("r", other)}, SPEED)
    assert found.status == "not_comparable"
    assert "GPU A, GPU B" in found.reason


def test_a_count_of_an_inferred_network_confirms_nothing():
    card = claim("ratio", COUNT, reference=["r"], expected=0.72, tolerance=0.005)
    found = evidence(COUNT, s=[72.0], r=[100.0])
    assert verdict(card, found, COUNT).status == "reproduced"
    found["r"] = replace(found["r"], inferred="widths, from a search for that very count")
    blocked = verdict(card, found, COUNT)
    assert blocked.status == "not_comparable"
    assert blocked.measured is None
    assert blocked.reason.startswith(
        "Counted: s 72 u, r 100 u. But r's architecture is inferred: widths, from a search"
    )


def test_a_speed_of_an_inferred_network_is_judged_with_that_said():
    card = claim("ratio", SPEED, reference=["r"], expected=2.0, tolerance=0.5)
    found = evidence(SPEED, s=[20.0, 20.1, 19.9], r=[10.0, 10.1, 9.9])
    found["r"] = replace(found["r"], inferred="widths.")
    judged = verdict(card, found, SPEED)
    assert judged.status == "reproduced"
    assert judged.reason.endswith("The architecture of r is inferred: widths.")
