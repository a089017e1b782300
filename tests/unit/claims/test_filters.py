from dataclasses import replace

import pytest
from support.judging import (
    HIGH,
    NOISY,
    TIGHT,
    claim,
    evidence,
    record,
    verdict,
)

from stylenat.claims.evidence import Against, Evidence, Reals

LANCZOS, BOX = Reals("set-lanczos", "lanczos"), Reals("set-box", "box")


def conditional(values, others, **fields):
    """Evidence against one set, and the same model against another."""
    against = Against(BOX, [record(v, i) for i, v in enumerate(others)], planned=len(others))
    return {"s": Evidence("s", [record(v, i) for i, v in enumerate(values)], reals=LANCZOS, others=[against], **fields)}


@pytest.mark.parametrize(
    ("own", "other", "status"),
    [
        (TIGHT, HIGH, "inconclusive"),
        (HIGH, TIGHT, "inconclusive"),
        (TIGHT, NOISY, "reproduced"),  # what is open under another filter contradicts nothing
        (NOISY, TIGHT, "inconclusive"),
        (HIGH, HIGH, "not_reproduced"),
        (TIGHT, TIGHT, "reproduced"),
    ],
)
@pytest.mark.parametrize("card", [claim("at_most", expected=2.10), claim("value", expected=2.05, tolerance=0.05)])
def test_opposite_findings_under_two_filters_leave_an_absolute_claim_open(card, own, other, status):
    found = verdict(card, conditional(own, other))
    assert found.status == status
    assert found.measured == pytest.approx(sum(own) / len(own))
    same = {tuple(own), tuple(other)} in ({tuple(TIGHT)}, {tuple(HIGH)})
    assert ("The verdict is the same under each of them." in found.reason) == same
    assert ("The verdict would be another under box (set-box)." in found.reason) != same
    assert found.reason.startswith("It depends on the filter") == (own != other and NOISY not in (own, other))


def test_a_check_of_the_harness_is_not_left_open_by_a_filter():
    card = claim("at_most", expected=2.10).model_copy(update={"about": "harness", "versions": []})
    assert verdict(card, conditional(TIGHT, HIGH)).status == "reproduced"


def test_the_width_over_the_filters_is_told():
    found = verdict(claim("at_most", expected=2.10), conditional(TIGHT, HIGH))
    assert "With others: box (set-box) 2.21, not reproduced. The spread over them is 0.16." in found.reason


def test_a_set_with_a_failed_or_older_record_is_not_used():
    found = conditional(TIGHT, HIGH)
    against = found["s"].others[0]
    for bad in (record(None, 0, status="failed", reason="x"), record(2.2, 0, protocol_version=3)):
        broken = replace(found["s"], others=[replace(against, records=[bad, *against.records[1:]])])
        result = verdict(claim("at_most", expected=2.10), {"s": broken})
        assert result.status == "reproduced"
        assert "Without a number to use: box (set-box)." in result.reason


@pytest.mark.parametrize(
    ("card", "status"),
    [
        (claim("less_than", reference=["r"]), "inconclusive"),
        (claim("ordering", reference=["r"]), "inconclusive"),
        (claim("ratio", reference=["r"], expected=0.93, tolerance=0.03), "reproduced"),
        (claim("at_most", expected=2.10), "reproduced"),
        (claim("ordering", reference=["r"]).model_copy(update={"about": "harness", "versions": []}), "reproduced"),
    ],
    ids=["less_than", "ordering", "ratio", "at_most", "harness"],
)
def test_a_flagged_model_is_not_ranked(card, status):
    found = evidence(s=TIGHT, r=HIGH)
    found["s"] = replace(found["s"], flag="worse than noise")
    result = verdict(card, found)
    assert result.status == status
    assert ("s is flagged: worse than noise." in result.reason) == (card.about == "paper")
