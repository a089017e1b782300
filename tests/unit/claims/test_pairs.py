import pytest
from support.judging import (
    SPEED,
    claim,
    evidence,
    record,
    verdict,
)

from stylenat.claims.evidence import Evidence

PACE = [1.0, 1.5, 0.7, 1.2]  # how fast the machine was in each session


def timed(model, level, sessions="abcd", seeds=range(4)):
    found = [
        record(level * pace, seed, model, SPEED, inputs={"throughput/s.json": session * 64})
        for pace, session, seed in zip(PACE, sessions, seeds, strict=True)
    ]
    return Evidence(model, found)


@pytest.mark.parametrize(
    ("other", "status", "says"),
    [
        (timed("r", 20.1), "not_reproduced", "95 % interval of the difference over 4 paired sessions"),
        (timed("r", 20.1, sessions="abce"), "inconclusive", "95 % interval of the difference over seeds"),
        (timed("r", 20.1, seeds=[0, 1, 2, 4]), "inconclusive", "95 % interval of the difference over seeds"),
        (Evidence("r", timed("r", 20.1).records[:3]), "inconclusive", "95 % interval of the difference over seeds"),
    ],
)
def test_timings_are_paired_only_within_the_same_sessions(other, status, says):
    found = verdict(claim("ordering", SPEED, reference=["r"]), {"s": timed("s", 20.0), "r": other}, SPEED)
    assert found.status == status
    assert says in found.reason


def test_timings_that_name_no_session_are_not_paired():
    card = claim("ratio", SPEED, reference=["r"], expected=2.0, tolerance=0.1)
    bare = evidence(SPEED, s=[20 * pace for pace in PACE], r=[10 * pace for pace in PACE])
    assert verdict(card, bare, SPEED).status == "inconclusive"
    paired = verdict(card, {"s": timed("s", 20.0), "r": timed("r", 10.0)}, SPEED)
    assert (paired.status, paired.measured) == ("reproduced", pytest.approx(2.0))
