import math
from dataclasses import replace

import pytest

from stylenat.claims.evidence import Evidence
from stylenat.claims.rules import judge
from stylenat.claims.wording import number
from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, Published
from stylenat.core.errors import InputError
from stylenat.core.records import Measurement

COUNT = ProtocolCard(name="count", title="t", metric="parameters", needs="model", version=1, changes="1", reference="r")
FID = COUNT.model_copy(update={"name": "fid", "metric": "fid", "needs": "features"})
SPEED = COUNT.model_copy(update={"name": "speed", "metric": "throughput", "timed": True})
DIRECTION = {"count": "none", "fid": "lower", "speed": "higher"}
NOISY = [2.00, 2.10, 1.95, 2.15]  # mean 2.05, 95 % interval 1.90 to 2.20
TIGHT = [2.04, 2.05, 2.06]  # mean 2.05, 95 % interval 2.025 to 2.075
HIGH = [2.20, 2.21, 2.22]


def claim(kind, protocol=FID, **fields):
    given = {"name": "c", "title": "t", "quote": "q", "place": "p", "versions": ["v1"], "kind": kind}
    if kind != "arithmetic":
        given |= {"subject": "s", "protocol": protocol.name}
    if kind in ("value", "ratio"):
        given |= {"tolerance_reason": "because"}
    return ClaimCard.model_validate(given | fields)


def record(value, seed=0, model="s", protocol=FID, **fields):
    return Measurement.model_validate(
        {
            "protocol": protocol.name,
            "protocol_version": 1,
            "metric": protocol.metric,
            "metric_version": 1,
            "model": model,
            "seed": seed,
            "status": "ok",
            "value": value,
            "unit": "u",
            "direction": DIRECTION[protocol.name],
            "comparable": True,
            "demo": False,
            "device": {"name": "GPU A"},
            "code": "c",
            "created": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 1.0,
        }
        | fields
    )


def evidence(protocol=FID, **values):
    return {
        model: Evidence(model, [record(v, i, model, protocol) for i, v in enumerate(found)])
        for model, found in values.items()
    }


def published(key):
    values = {"p/a": (2.19, "A"), "p/b": (2.05, "A"), "p/weak": (2.05, "S"), "p/figure": (2.0, "A-fig")}
    value, grade = values[key]
    hardware = "GPU A" if key == "p/a" else ""
    fields = {"id": "x", "method": "M", "metric": "FID", "unit": "u", "place": "t", "hardware": hardware}
    return Published(value=value, grade=grade, **fields)


def verdict(card, found, protocol=FID, **options):
    return judge(card, found, published, protocol, **options)


BAND = {"expected": 2.046, "tolerance": 0.08, "published_sd": 0.03}


@pytest.mark.parametrize(
    ("card", "values", "status"),
    [
        (claim("value", expected=2.05, tolerance=0.03), {"s": TIGHT}, "reproduced"),
        (claim("value", expected=2.20, tolerance=0.03), {"s": TIGHT}, "not_reproduced"),
        (claim("value", expected=2.05, tolerance=0.02), {"s": TIGHT}, "inconclusive"),
        (claim("value", **BAND), {"s": TIGHT}, "reproduced"),
        (claim("value", **BAND), {"s": HIGH}, "not_reproduced"),
        (claim("value", **BAND), {"s": [1.9, 2.0]}, "inconclusive"),
        (claim("at_most", expected=2.10), {"s": TIGHT}, "reproduced"),
        (claim("at_most", expected=2.10), {"s": HIGH}, "not_reproduced"),
        (claim("at_most", expected=2.10), {"s": NOISY}, "inconclusive"),
        (claim("less_than", reference=["r"]), {"s": TIGHT, "r": HIGH}, "reproduced"),
        (claim("less_than", reference=["r"]), {"s": HIGH, "r": TIGHT}, "not_reproduced"),
        (claim("less_than", reference=["r"]), {"s": TIGHT, "r": NOISY}, "inconclusive"),
        (claim("less_than", reference=["r", "q"]), {"s": TIGHT, "r": HIGH, "q": NOISY}, "inconclusive"),
        (claim("less_than", reference=["q", "r"]), {"s": TIGHT, "q": NOISY, "r": [1.0, 1.01]}, "not_reproduced"),
        (claim("ordering", reference=["q", "r"]), {"s": TIGHT, "q": HIGH, "r": [3.0, 3.01]}, "reproduced"),
        (claim("ordering", reference=["q", "r"]), {"s": TIGHT, "q": [3.0, 3.01], "r": HIGH}, "not_reproduced"),
        (claim("ordering", reference=["q", "r"]), {"s": TIGHT, "q": NOISY, "r": [3.0, 3.01]}, "inconclusive"),
        (claim("ratio", reference=["r"], expected=0.93, tolerance=0.03), {"s": TIGHT, "r": HIGH}, "reproduced"),
        (claim("ratio", reference=["r"], expected=0.72, tolerance=0.03), {"s": TIGHT, "r": HIGH}, "not_reproduced"),
        (claim("ratio", reference=["r"], expected=0.93, tolerance=0.03), {"s": NOISY, "r": HIGH}, "inconclusive"),
    ],
)
def test_each_kind_of_claim_reaches_each_status(card, values, status):
    found = verdict(card, evidence(**values))
    assert found.status == status
    assert found.reason.endswith(".")
    assert found.interval is not None


def test_a_fid_is_compared_with_one_published_draw_and_the_rule_shows_its_numbers():
    found = verdict(claim("value", **BAND), evidence(s=TIGHT))
    se = 0.01 / math.sqrt(3)
    band = 2 * math.hypot(se, 0.03)
    assert f"SE = {se:.4f}" in found.rule
    assert f"2 SE_diff = {number(band)}." in found.rule
    assert (found.expected, found.measured, found.unit) == (2.046, pytest.approx(2.05), "u")


@pytest.mark.parametrize(("gap", "status"), [(0.99, "reproduced"), (1.01, "not_reproduced")])
def test_the_band_of_a_published_draw_is_two_standard_errors_of_the_difference(gap, status):
    band = 2 * math.hypot(0.01 / math.sqrt(3), 0.03)
    shifted = [value - 2.05 + 2.046 + gap * band for value in TIGHT]
    assert verdict(claim("value", **BAND), evidence(s=shifted)).status == status


@pytest.mark.parametrize(
    ("value", "status"), [(48_921_000, "reproduced"), (48_925_000, "reproduced"), (48_925_001, "not_reproduced")]
)
def test_a_count_needs_one_record_and_has_no_interval(value, status):
    card = claim("value", COUNT, expected=48.92e6, tolerance=5000)
    found = verdict(card, evidence(COUNT, s=[value]), COUNT)
    assert (found.status, found.measured, found.interval) == (status, value, None)
    assert f"{value:,}" in found.reason


def test_equal_counts_are_not_less():
    card = claim("less_than", COUNT, reference=["r"])
    assert verdict(card, evidence(COUNT, s=[5], r=[5]), COUNT).status == "not_reproduced"
    assert verdict(card, evidence(COUNT, s=[4], r=[5]), COUNT).status == "reproduced"


def test_an_ordering_follows_the_metrics_better_direction():
    card = claim("ordering", SPEED, reference=["r"])
    fast, slow = [30.0, 30.1, 30.2], [20.0, 20.1, 20.2]
    assert verdict(card, evidence(SPEED, s=fast, r=slow), SPEED).status == "reproduced"
    assert verdict(card, evidence(SPEED, s=slow, r=fast), SPEED).status == "not_reproduced"


def test_an_ordering_by_a_metric_without_direction_is_refused():
    with pytest.raises(InputError, match="no better direction"):
        verdict(claim("ordering", COUNT, reference=["r"]), evidence(COUNT, s=[1], r=[2]), COUNT)


def test_a_wrong_unit_is_refused():
    with pytest.raises(InputError, match="its unit is 'M', but the records are in 'u'"):
        verdict(claim("at_most", expected=3, unit="M"), evidence(s=TIGHT))


@pytest.mark.parametrize("protocol", [FID, SPEED])
def test_one_seed_of_a_random_metric_is_inconclusive(protocol):
    found = verdict(claim("at_most", protocol, expected=3), evidence(protocol, s=[2.0]), protocol)
    assert (found.status, found.measured) == ("inconclusive", 2.0)
    assert "Only one seed" in found.reason


KINDS = [
    claim("value", expected=2, tolerance=1),
    claim("at_most", expected=3),
    claim("less_than", reference=["r"]),
    claim("ordering", reference=["r"]),
    claim("ratio", reference=["r"], expected=1, tolerance=1),
]


@pytest.mark.parametrize("card", KINDS, ids=lambda card: card.kind)
class TestWhatKeepsAClaimFromBeingJudged:
    def full(self):
        return evidence(s=TIGHT, r=HIGH)

    def test_no_record(self, card):
        found = verdict(card, {"r": self.full()["r"], "s": Evidence("s", [], ["not in run 'demo'"])})
        assert (found.status, found.measured) == ("not_run", None)
        assert found.reason == "s: not in run 'demo'."

    def test_no_evidence_at_all(self, card):
        found = verdict(card, {})
        assert found.status == "not_run"
        assert found.reason == f"{', '.join(['s', *card.reference])}: no record under fid."

    @pytest.mark.parametrize("status", ["failed", "skipped"])
    def test_a_record_without_a_value(self, card, status):
        bad = record(None, 7, status=status, reason="out of memory")
        found = verdict(card, self.full() | {"s": Evidence("s", [*self.full()["s"].records, bad])})
        assert found.status == "not_run"
        assert f"s: measurement {status} under fid, seed 7, because out of memory." in found.reason

    def test_a_record_of_an_older_protocol(self, card):
        old = [record(value, i, protocol_version=2) for i, value in enumerate(TIGHT)]
        found = verdict(card, self.full() | {"s": Evidence("s", old)})
        assert found.status == "not_run"
        assert "version 2 of the protocol, which is now at 1" in found.reason

    def test_a_record_that_is_not_comparable(self, card):
        demo = [record(v, i, comparable=False, comparable_reason="random detector") for i, v in enumerate(TIGHT)]
        found = verdict(card, self.full() | {"s": Evidence("s", demo)}, demo=True)
        assert found.status == "not_comparable"
        assert "random detector" in found.reason
        assert (found.measured is None) == (card.kind == "ratio")
        assert found.demo

    def test_the_condition_of_the_numbers_is_told(self, card):
        records = self.full()["s"].records
        found = verdict(card, self.full() | {"s": Evidence("s", records, [], "It holds for the box filter.")})
        assert found.reason.endswith("It holds for the box filter.")


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


def arithmetic(*keys, expected=6.4):
    readings = [{"name": key, "formula": "(a - b) / a * 100", "inputs": {"a": "p/a", "b": f"p/{key}"}} for key in keys]
    return claim("arithmetic", expected=expected, printed_decimals=1, unit="%", readings=readings)


def test_a_printed_figure_follows_from_the_reading_that_fits():
    found = judge(arithmetic("figure", "b"), {}, published)
    assert (found.status, found.measured) == ("reproduced", pytest.approx(6.3927, abs=1e-4))
    assert [reading.fits for reading in found.readings] == [False, True]
    assert "follows from published numbers: 'b' gives 6.393 %" in found.reason
    assert "do not give it: 'figure' gives 8.676 %" in found.reason
    assert "rests on" not in found.reason


def test_a_printed_figure_that_no_reading_gives_is_not_reproduced():
    found = judge(arithmetic("b", expected=7.0), {}, published)
    assert (found.status, found.measured) == ("not_reproduced", pytest.approx(6.3927, abs=1e-4))
    assert "No reading gives 7.0 %" in found.reason


def test_a_weak_source_under_the_fitting_reading_is_named():
    found = judge(arithmetic("weak"), {}, published)
    assert found.status == "reproduced"
    assert "rests on M's 2.05 u (FID; grade S: only in a weak secondary source)" in found.reason
    assert "rests on" not in judge(arithmetic("weak", "b"), {}, published).reason


def test_a_measured_claim_without_its_protocol_is_refused():
    with pytest.raises(InputError, match="without its protocol"):
        judge(claim("at_most", expected=1), {}, published)


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
