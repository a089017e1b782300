"""Which verdicts and values changed between two campaigns, and which recorded inputs are named for it."""

import json

import pytest
from support import campaign

from stylenat.core.files import write_json
from stylenat.core.plan import read_plan
from stylenat.core.records import failed_path, write_record
from stylenat.report.compare import Campaign, Change, compare
from stylenat.report.compare_words import conclude, conclude_values
from stylenat.report.load import load

PAIR = (campaign.FIRST, campaign.MISSING)  # the two seeds behind c-open
ALL = [*PAIR, *campaign.BESIDE]
OWN = ("fid-demo", campaign.DEMO, campaign.SET)
CLEAN = {"revision": "f" * 40, "dirty": False}


@pytest.fixture
def a(tmp_path):
    return campaign.complete(campaign.make(tmp_path / "a"))


@pytest.fixture
def b(tmp_path):
    return campaign.complete(campaign.make(tmp_path / "b"))


def compared(a, b):
    return compare(*(Campaign(str(one), load(read_plan(one / "plan/plan.json"), one)) for one in (a, b)))


def claim(a, b, name="c-open"):
    return next(claim for claim in compared(a, b).claims if claim.name == name)


def part(record, **fields):
    """A part of a record, such as `reals`, with some fields changed."""
    return {**record, **fields}


def measure(results, values=(2.4444, 2.4222), **fields):
    """Make the two records behind c-open again; a field with two values in a tuple has one a seed."""
    for seed, path in enumerate(PAIR):
        own = {name: value[seed] if isinstance(value, tuple) else value for name, value in fields.items()}
        write_record(results / path, campaign.record("fid-demo", campaign.DEMO, seed, value=values[seed], **own))
    judge(results, "inconclusive", sum(values) / 2)


def judge(results, status, measured, paths=ALL, **fields):
    campaign.judge(results, "c-open", status, measured, paths, **({"interval": (2.1, 2.7)} | fields))


def edit(results, change):
    path = results / "plan/plan.json"
    plan = json.loads(path.read_text())
    change(plan)
    write_json(path, plan)


def only(found):
    assert len(found) == 1, found
    return found[0]


def told(difference):
    return difference.kind, difference.name, difference.a, difference.b


RECORD = campaign.record("fid-demo", campaign.DEMO, value=1.0).model_dump(mode="json")
REALS, FAKES, DETECTOR = RECORD["reals"], RECORD["fakes"], RECORD["detector"]
INPUTS = [
    ({"fakes": part(FAKES, weights_sha256="c" * 64)}, "weights", "weights sha256", "b" * 64, "c" * 64),
    ({"fakes": part(FAKES, count=50)}, "fakes", "number of fakes", "40", "50"),
    ({"fakes": part(FAKES, device="other GPU")}, "device", "device of the images", "GPU that drew", "other GPU"),
    ({"reals": part(REALS, fingerprint="e" * 64)}, "data", "data fingerprint", "f" * 64, "e" * 64),
    ({"reals": part(REALS, resize_filter="box")}, "resize_filter", "resize filter", "lanczos", "box"),
    ({"reals": part(REALS, count=999)}, "reals", "number of reals", "1000", "999"),
    ({"reals": part(REALS, subset_seed=None)}, "reals", "seed of the subset of reals", "7", "none"),
    ({"detector": part(DETECTOR, preprocessing="clean")}, "detector", "detector", "random, preprocessing tensorflow",
     "random, preprocessing clean"),
    ({"detector": part(DETECTOR, weights_sha256="d" * 64)}, "detector_weights", "detector weights sha256",
     campaign.WEIGHTS_SHA256, "d" * 64),
    ({"protocol_version": 1}, "protocol_version", "protocol version", "2", "1"),
    ({"metric_version": 3}, "metric_version", "metric version", "fid 1", "fid 3"),
    ({"code": "fedcba9876543210"}, "code", "code fingerprint", "0123456789abcdef", "fedcba9876543210"),
    ({"fakes": part(FAKES, statistics="g")}, "images_code", "key of the fakes' statistics, which covers the code",
     "f", "g"),
    ({"git": {"revision": "e" * 40, "dirty": True}}, "git", "git revision", "f" * 40, "e" * 40),
    ({"git": CLEAN}, "git", "git dirty", "yes", "no"),
    ({"device": {"name": "H100"}}, "device", "device name", campaign.EVIL, "H100"),
    ({"flags": {"tf32": True}}, "flags", "flag tf32", "not recorded", "yes"),
    ({"versions": {"python": "3.12.1"}}, "versions", "version of python", "3.11.7", "3.12.1"),
    ({"versions": {"python": "3.11.7", "torch": "2.4"}}, "versions", "version of torch", "not recorded", "2.4"),
]  # fmt: skip


def test_two_equal_campaigns_differ_in_nothing(a, b):
    found = compared(a, b)
    assert {claim.change for claim in found.claims} == {Change.NONE}
    assert len(found.claims) == len(campaign.CLAIMS)
    assert not any(claim.judging or claim.values or conclude(claim) for claim in found.claims)


@pytest.mark.parametrize(("fields", "kind", "name", "old", "new"), INPUTS, ids=[f"{row[1]}-{row[2]}" for row in INPUTS])
def test_the_one_input_that_differs_is_named_with_both_values(a, b, fields, kind, name, old, new):
    measure(b, (3.4, 3.5), **fields)
    found = claim(a, b)
    assert found.change == Change.VALUE
    values = only(found.values)
    assert values.key == OWN
    difference = only(values.differences)
    assert told(difference) == (kind, name, old, new)
    assert difference.seeds == (0, 1)
    assert conclude_values(values).startswith(f"{name} is the only recorded input that differs, so it may explain")


def test_of_several_inputs_none_is_blamed_and_what_decides_most_comes_first(a, b):
    changed = {row[1]: row[0] for row in INPUTS if row[1] in ("versions", "code", "weights", "data", "metric_version")}
    measure(b, (3.4, 3.5), **{name: value for fields in changed.values() for name, value in fields.items()})
    values = only(claim(a, b).values)
    assert [d.kind for d in values.differences] == ["metric_version", "weights", "data", "code", "versions"]
    assert conclude_values(values) == (
        "Several recorded inputs differ: any of them may explain the value, and the records can't tell which."
    )


@pytest.mark.parametrize("git", [CLEAN, {**CLEAN, "dirty": True}])
def test_a_value_that_changed_under_equal_inputs_is_nondeterminism(a, b, git):
    measure(a, git=git)
    measure(b, (2.4444, 2.5), git=git)
    values = only(claim(a, b).values)
    assert values.differences == []
    assert [pair.seed for pair in values.moved] == [1]
    said = conclude_values(values)
    assert said.startswith("Nothing recorded differs, yet the value does, so it is nondeterminism, or something")
    assert ("uncommitted changes, which may differ unseen" in said) == git["dirty"]


def test_an_input_explains_only_the_seeds_that_it_differs_at(a, b):
    measure(b, (3.4, 3.5), fakes=(FAKES, part(FAKES, weights_sha256="c" * 64)), git=CLEAN)
    measure(a, git=CLEAN)
    values = only(claim(a, b).values)
    assert only(values.differences).seeds == (1,)
    assert "At seed 0 no recorded input differs, so it is nondeterminism" in conclude_values(values)


def test_files_made_on_the_way_are_no_cause(a, b):
    measure(b, (3.4, 3.5), inputs={f"x/{campaign.EVIL}": "b" * 64}, git=CLEAN)
    measure(a, git=CLEAN)
    values = only(claim(a, b).values)
    assert [(d.kind, d.role) for d in values.differences] == [("inputs", "derived")]
    assert conclude_values(values).startswith("Only what was made on the way differs")


def test_a_key_of_statistics_follows_from_what_it_covers(a, b):
    measure(b, (3.4, 3.5), fakes=part(FAKES, weights_sha256="c" * 64, statistics="other"))
    values = only(claim(a, b).values)
    assert [(d.kind, d.role) for d in values.differences] == [("weights", "input"), ("statistics", "derived")]
    assert conclude_values(values).startswith("weights sha256 is the only recorded input that differs")


def test_inputs_are_named_without_the_folder_of_results(a, b):
    edit(b, lambda plan: plan["run"].update(results="elsewhere/results-b"))
    measure(a, inputs={"results/features/x.json": "a" * 64})
    measure(b, (3.4, 3.5), inputs={"elsewhere/results-b/features/x.json": "a" * 64})
    assert only(claim(a, b).values).differences == []


def test_an_error_that_changed_is_a_changed_value(a, b):
    measure(b, standard_error={"value": 0.5, "method": "jackknife"})
    assert claim(a, b).change == Change.VALUE


def test_a_changed_card_of_the_claim_is_named_where_the_values_are_the_same(a, b):
    edit(b, lambda plan: plan["cards"]["claims"]["c-open"].update(expected=9.5, note="prose decides nothing"))
    judge(b, "reproduced", 2.4333)
    found = claim(a, b)
    assert (found.change, found.values) == (Change.VERDICT, [])
    assert told(only(found.judging)) == ("claim_card", "claim card's expected", "2.5", "9.5")
    said = "The measured values are the same, and only claim card's expected is recorded to differ"
    assert conclude(found) == f"{said}: the verdict rests on it."


def test_of_several_changes_in_judging_none_is_blamed(a, b):
    edit(b, lambda plan: plan["cards"]["claims"]["c-open"].update(expected=9.5, tolerance=1.0))
    judge(a, "inconclusive", 2.4333, code="1" * 16)
    judge(b, "reproduced", 2.4333, code="2" * 16)
    found = claim(a, b)
    assert [told(difference) for difference in found.judging] == [
        ("claim_card", "claim card's expected", "2.5", "9.5"),
        ("claim_card", "claim card's tolerance", "none", "1.0"),
        ("judging_code", "fingerprint of the judging code", "1" * 16, "2" * 16),
    ]
    assert "any of these may explain the verdict: claim card's expected, claim card's tolerance, " in conclude(found)


def test_a_verdict_that_changed_for_nothing_recorded_has_no_known_cause(a, b):
    judge(b, "reproduced", 2.4333)
    assert conclude(claim(a, b)).endswith("no cause of the verdict is known.")


def test_a_published_number_behind_an_arithmetic_claim_is_named(a, b):
    edit(b, lambda plan: plan["cards"]["published"]["own"]["numbers"][1].update(value=50.0))
    campaign.judge(b, "f-sum", "not_reproduced", 26.4, [])
    difference = only(claim(a, b, "f-sum").judging)
    assert told(difference) == ("published_number", "published number own/size", "48.92 M parameters",
                                "50.0 M parameters")  # fmt: skip


def test_values_and_judging_that_both_differ_are_both_named(a, b):
    edit(b, lambda plan: plan["cards"]["claims"]["c-open"].update(expected=9.5))
    measure(b, (3.4, 3.5), code="fedcba9876543210")
    judge(b, "reproduced", 3.45)
    found = claim(a, b)
    assert "(claim card's expected): either may explain the verdict." in conclude(found)
    assert only(only(found.values).differences).kind == "code"


def test_a_verdict_that_follows_its_values_says_so(a, b):
    measure(b, (3.4, 3.5), code="fedcba9876543210")
    judge(b, "not_reproduced", 3.45)
    assert conclude(claim(a, b)).endswith("not recorded to differ: the change comes with the measurements behind it.")


@pytest.mark.parametrize(
    ("card", "key", "value", "expected"),
    [
        ("protocols/fid-demo", "fake_count", 50, ("protocol card's fake_count", "40", "50")),
        ("protocols/fid-demo", "parameters", {"eps": 1}, ("protocol card's parameters.eps", "none", "1")),
        (f"models/{campaign.DEMO}", "arch", {"resolution": 64}, ("model card's arch.resolution", "32", "64")),
        ("detectors/random", "layer", "2048", ("detector card's layer", "64", "2048")),
    ],
)
def test_a_changed_card_behind_a_value_is_named(a, b, card, key, value, expected):
    kind, name = card.split("/")
    edit(b, lambda plan: plan["cards"][kind][name].update({key: value, "title": "prose"}))
    measure(b, (3.4, 3.5))
    assert told(only(only(claim(a, b).values).differences)) == (f"{kind[:-1]}_card", *expected)


def test_the_batch_size_of_the_plan_is_an_input(a, b):
    campaign.change_plan(b, batch_size=32)
    measure(b, (3.4, 3.5))
    assert told(only(only(claim(a, b).values).differences)) == ("batch_size", "batch size", "16", "32")


@pytest.mark.parametrize("other_weights", [True, False])
def test_a_recipe_is_named_only_where_it_made_other_weights(a, b, other_weights):
    edit(b, lambda plan: plan["cards"]["training"]["short"].update(total_nimg=200))
    measure(b, (3.4, 3.5), fakes=part(FAKES, weights_sha256=("c" if other_weights else "b") * 64))
    kinds = [difference.kind for difference in only(claim(a, b).values).differences]
    assert kinds == (["weights", "training_card"] if other_weights else [])


def test_equal_values_by_another_version_of_the_protocol_are_told_as_judging(a, b):
    measure(b, protocol_version=1, code="fedcba9876543210")
    judge(b, "not_comparable", 2.4333)
    found = claim(a, b)
    assert told(only(only(found.values).differences)) == ("protocol_version", "protocol version", "2", "1")
    assert "can only have changed how they are judged" in conclude_values(only(found.values))
    assert conclude(found).endswith("only protocol version is recorded to differ: the verdict rests on it.")


def test_a_record_that_is_missing_in_one_is_told_with_the_value_of_the_other(tmp_path, b):
    a = campaign.make(tmp_path / "a")
    found = claim(a, b)
    assert found.change == Change.VERDICT
    assert conclude(found).startswith("Not run in A: because ")
    difference = only(only(found.values).differences)
    missing, made = "missing: not measured yet", "ok, 2.422 ± 0.01230 [demo]"
    assert told(difference) == ("record", "record of seed 1", missing, made)
    assert conclude_values(only(found.values)) == "Other records stand behind it in A than in B."


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_record_without_a_number_is_told_with_its_reason(a, b, status):
    path = b / campaign.MISSING
    path.unlink()
    made = campaign.record("fid-demo", campaign.DEMO, 1, status=status, reason="out of memory")
    write_record(failed_path(path) if status == "failed" else path, made)
    used = failed_path(path) if status == "failed" else path
    judge(b, "not_run", None, [campaign.FIRST, used.relative_to(b).as_posix(), *campaign.BESIDE], interval=None)
    found = claim(a, b)
    assert only(only(found.values).differences).b == f"{status}: out of memory"
    assert conclude(found).startswith("Not run in B: because ")


def test_another_number_of_seeds_is_told(a, b):
    def one_seed(plan):
        plan["records"] = [record for record in plan["records"] if record["path"] != campaign.MISSING]
        for verdict in plan["verdicts"]:
            verdict["records"] = [path for path in verdict["records"] if path != campaign.MISSING]

    edit(b, one_seed)
    judge(b, "reproduced", 2.4444, [campaign.FIRST, *campaign.BESIDE])
    found = claim(a, b)
    assert told(only(only(found.values).differences)) == ("seeds", "number of seeds", "2 (0, 1)", "1 (0)")
    assert (found.a.seeds, found.b.seeds) == ([0, 1], [0])


def test_what_stands_beside_a_claim_is_compared_where_its_verdict_changed(a, b):
    path, value = next(iter(campaign.BOX.items()))
    fakes = part(FAKES, weights_sha256="c" * 64)
    other = campaign.record("fid-demo", campaign.DEMO, 0, value=value + 1, dataset=campaign.OTHER_SET, fakes=fakes)
    write_record(b / path, other)
    judge(b, "inconclusive", 2.4333)
    assert claim(a, b).change == Change.NONE
    noise = f"measure/fid-demo/noise-photos/{campaign.SET}-seed0.json"
    write_record(b / noise, campaign.record("fid-demo", "noise-photos", 0, value=9.5))
    measure(b, (3.4, 3.5))
    judge(b, "reproduced", 3.45)
    keys = [values.key[1:] for values in claim(a, b).values]
    assert keys[0] == OWN[1:]  # the claim's own come first
    assert sorted(keys[1:]) == [("noise-photos", campaign.SET), (campaign.DEMO, campaign.OTHER_SET)]
    values = next(values for values in claim(a, b).values if values.key[2] == campaign.OTHER_SET)
    assert (values.beside, values.key) == (True, ("fid-demo", campaign.DEMO, campaign.OTHER_SET))
    assert only(values.differences).kind == "weights"


def test_the_same_verdict_for_another_reason_is_told(a, b):
    judge(b, "inconclusive", 2.4333, reason="for another reason")
    found = claim(a, b)
    assert (found.change, found.b.judged.verdict.reason) == (Change.REASON, "for another reason")


def test_a_claim_that_one_campaign_lacks_is_only_in_the_other(a, b):
    def without(name):
        def change(plan):
            plan["verdicts"] = [verdict for verdict in plan["verdicts"] if verdict["claim"] != name]

        return change

    edit(a, without("b-refuted"))
    edit(b, without("f-sum"))
    found = compared(a, b)
    assert [claim.name for claim in found.having(Change.ONLY_A)] == ["f-sum"]
    assert [claim.name for claim in found.having(Change.ONLY_B)] == ["b-refuted"]
    assert found.claims[-1].name == "b-refuted"
    assert len(found.having(Change.NONE)) == len(campaign.CLAIMS) - 2


def test_checks_of_the_harness_are_compared_too(a, b):
    for results in (a, b):
        edit(results, lambda plan: plan["cards"]["claims"]["c-open"].update(about="harness", versions=[]))
    judge(b, "reproduced", 2.4333)
    assert claim(a, b).change == Change.VERDICT


def test_a_stale_verdict_counts_as_the_report_counts_it(a, b):
    write_record(b / campaign.FIRST, campaign.record("fid-demo", campaign.DEMO, 0, value=9.0))
    found = claim(a, b)
    assert found.change == Change.VERDICT
    assert conclude(found) == f"Not run in B: stale: the record {campaign.FIRST} that it rested on has changed."
