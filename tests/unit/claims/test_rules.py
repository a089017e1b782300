import math

import pytest
from support.judging import (
    COUNT,
    FID,
    HIGH,
    NOISY,
    SPEED,
    TIGHT,
    claim,
    evidence,
    record,
    verdict,
)

from stylenat.claims.evidence import Evidence
from stylenat.claims.wording import number
from stylenat.core.errors import InputError

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


def one_run(value, error=0.01, **fields):
    return [record(value, standard_error={"value": error, "method": "influence function"}, **fields)]


@pytest.mark.parametrize(("error", "status"), [(0.01, "reproduced"), (0.03, "inconclusive")])
def test_one_run_is_judged_by_its_own_standard_error(error, status):
    """2.05 with a bound of 2.10: 1.96 standard errors of 0.01 stay below it, of 0.03 they do not."""
    found = verdict(claim("at_most", expected=2.10), {"s": Evidence("s", one_run(2.05, error))})
    assert found.status == status
    assert found.interval == (
        pytest.approx(2.05 - 1.96 * error, abs=1e-4),
        pytest.approx(2.05 + 1.96 * error, abs=1e-4),
    )
    assert "95 % interval of one run, standard error by influence function" in found.reason


def test_the_error_of_one_run_enters_the_comparison_with_a_published_draw():
    found = verdict(claim("value", **BAND), {"s": Evidence("s", one_run(2.05, 0.02))})
    assert f"2 SE_diff = {number(2 * math.hypot(0.02, 0.03))}." in found.rule


def test_the_spread_over_seeds_is_held_against_the_errors_of_the_runs():
    """Seeds of standard deviation 0.01, runs that say 0.02: half of it, for information only."""
    runs = [one_run(value, 0.02, seed=seed)[0] for seed, value in enumerate(TIGHT)]
    found = verdict(claim("at_most", expected=2.10), {"s": Evidence("s", runs)})
    assert found.status == verdict(claim("at_most", expected=2.10), evidence(s=TIGHT)).status
    assert "s: the standard deviation over 3 seeds is 0.5 times the standard error of one run" in found.rule
    assert "draw of the reals" not in found.rule
    drawn = FID.model_copy(update={"real_draw": "each-seed"})
    each = verdict(claim("at_most", expected=2.10), {"s": Evidence("s", runs)}, drawn)
    assert "leaves out the draw of the reals" in each.rule
    two = verdict(claim("at_most", expected=2.10), {"s": Evidence("s", runs[:2])})
    assert "standard deviation over" not in two.rule


def test_the_rule_of_a_claim_on_images_names_filters_controls_and_single_runs():
    assert "opposite verdict" in verdict(claim("at_most", expected=2.10), evidence(s=TIGHT)).rule
    assert "outside its controls" in verdict(claim("less_than", reference=["r"]), evidence(s=TIGHT, r=HIGH)).rule
    counted = verdict(claim("at_most", COUNT, expected=3), evidence(COUNT, s=[2]), COUNT).rule
    assert not any(words in counted for words in ("filter", "controls", "single run"))
