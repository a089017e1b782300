import json

import numpy as np
import pytest
from support import campaign

from stylenat.core.errors import InputError
from stylenat.core.files import write_json
from stylenat.core.plan import read_plan
from stylenat.core.records import VerdictStatus, failed_path, write_record
from stylenat.report.load import load


def verdict(results, claim):
    return next(judged.verdict for judged in campaign.data(results).judged if judged.claim.name == claim)


def entry(results, path):
    return next(entry for entry in campaign.data(results).entries if entry.planned.path == path)


def test_every_verdict_and_every_state_of_a_measurement_is_read(complete):
    statuses = {judged.claim.name: str(judged.verdict.status) for judged in campaign.data(complete).judged}
    assert statuses == {
        "a-reproduced": "reproduced",
        "b-refuted": "not_reproduced",
        "c-open": "inconclusive",
        "d-incomparable": "not_comparable",
        "e-absent": "not_run",
        "f-sum": "reproduced",
        "g-unjudged": "not_run",
    }
    assert verdict(complete, "g-unjudged").reason == "not judged yet"


def test_a_measurement_without_a_number_says_why(results):
    assert entry(results, campaign.MISSING).status == "missing"
    assert entry(results, campaign.MISSING).reason == "not measured yet"
    assert entry(results, campaign.SKIPPED).status == "skipped"
    assert entry(results, campaign.SKIPPED).reason == f"skipped {campaign.EVIL}"
    assert entry(results, campaign.FAILED).status == "failed"
    assert entry(results, campaign.FAILED).reason == f"failed {campaign.EVIL}"


def test_a_record_that_is_gone_takes_its_verdict_along(results):
    (results / campaign.SIZE).unlink()
    found = verdict(results, "a-reproduced")
    assert found.status == VerdictStatus.NOT_RUN
    assert found.reason == f"stale: the record {campaign.SIZE} that it rested on is gone"
    assert found.measured is None


def test_a_failed_measurement_in_a_records_place_is_told(results):
    gone = results / campaign.SIZE
    gone.unlink()
    failed = campaign.record("parameters", campaign.OFFICIAL, status="failed", reason="out of memory")
    write_record(failed_path(gone), failed)
    assert verdict(results, "a-reproduced").reason.endswith("is gone (the measurement failed: out of memory)")


def test_a_record_that_changed_takes_its_verdict_along(results):
    write_record(results / campaign.SIZE, campaign.record("parameters", campaign.OFFICIAL, value=1.0))
    found = verdict(results, "b-refuted")
    assert found.status == VerdictStatus.NOT_RUN
    assert found.reason == f"stale: the record {campaign.SIZE} that it rested on has changed"


def test_a_record_made_after_its_verdict_makes_it_stale(results):
    assert verdict(results, "c-open").reason.startswith("because")
    write_record(results / campaign.MISSING, campaign.record("fid-demo", campaign.DEMO, 1, value=2.0))
    reason = f"stale: the record {campaign.MISSING} was made after it was judged"
    assert verdict(results, "c-open").reason == reason


def test_a_verdict_that_does_not_name_a_record_it_needs_is_stale(results):
    campaign.judge(results, "c-open", "reproduced", 2.4, [campaign.FIRST, *campaign.BESIDE])
    assert verdict(results, "c-open").status == VerdictStatus.NOT_RUN
    assert verdict(results, "c-open").reason == f"stale: the record {campaign.MISSING} that it needs is gone"


def test_a_verdict_stands_without_a_control_or_another_set_until_that_is_made(complete):
    path = next(iter(campaign.BOX))
    made = (complete / path).read_bytes()
    (complete / path).unlink()
    assert verdict(complete, "c-open").reason == f"stale: the record {path} that it rested on is gone"
    own = [campaign.FIRST, campaign.MISSING]
    without = [*own, *(other for other in campaign.BESIDE if other != path)]
    campaign.judge(complete, "c-open", "inconclusive", 2.4, without, interval=(2.1, 2.7))
    assert verdict(complete, "c-open").status == VerdictStatus.INCONCLUSIVE
    (complete / path).write_bytes(made)
    assert verdict(complete, "c-open").reason == f"stale: the record {path} was made after it was judged"


def test_the_model_outside_its_controls_alone_is_flagged(complete):
    flags = campaign.data(complete).flags
    assert list(flags) == [("fid-demo", campaign.SET, campaign.BROKEN)]
    assert flags["fid-demo", campaign.SET, campaign.BROKEN].startswith("worse than noise, 12.43 against 9.33")


def test_numbers_by_another_version_of_the_protocol_bound_nothing(complete):
    for seed in (0, 1):
        old = campaign.record("fid-demo", "noise-photos", seed, value=9.3, protocol_version=1)
        write_record(complete / f"measure/fid-demo/noise-photos/{campaign.SET}-seed{seed}.json", old)
    assert campaign.data(complete).flags == {}


def test_a_record_against_another_set_is_refused(results):
    write_record(results / campaign.FIRST, campaign.record("fid-demo", campaign.DEMO, value=1.0, dataset="photos-box"))
    assert "expected ('fid-demo', 'stylenat-small', 'photos', 0)" in entry(results, campaign.FIRST).reason


def test_a_verdict_on_a_failure_stands_while_the_failure_does(results):
    gone = results / campaign.SIZE
    gone.unlink()
    write_record(
        failed_path(gone), campaign.record("parameters", campaign.OFFICIAL, status="failed", reason="out of memory")
    )
    campaign.judge(
        results, "a-reproduced", "not_run", None, [failed_path(gone).relative_to(results).as_posix()], reason="failed"
    )
    assert verdict(results, "a-reproduced").reason == "failed"
    write_record(gone, campaign.record("parameters", campaign.OFFICIAL, value=2.0))
    assert verdict(results, "a-reproduced").reason.endswith("was made after it was judged")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"value": NaN}', "\x00", '{"a":' * 100_000])
def test_a_broken_file_is_a_failed_measurement_or_a_claim_not_run(results, text):
    (results / campaign.FIRST).write_text(text)
    (results / "judge/f-sum.json").write_text(text)
    assert entry(results, campaign.FIRST).status == "failed"
    assert entry(results, campaign.FIRST).reason.startswith("the record can't be read: ")
    assert verdict(results, "f-sum").status == VerdictStatus.NOT_RUN
    assert verdict(results, "f-sum").reason.startswith("the verdict can't be read: ")


def test_a_record_or_verdict_of_something_else_is_refused(results):
    write_record(results / campaign.FIRST, campaign.record("fid-demo", "noise-photos", value=1.0))
    write_record(results / "judge/f-sum.json", verdict(results, "a-reproduced"))
    assert "holds the record of ('fid-demo', 'noise-photos', 'photos', 0)" in entry(results, campaign.FIRST).reason
    assert verdict(results, "f-sum").reason == "judge/f-sum.json holds the verdict on 'a-reproduced'"


def test_training_logs_and_samples_are_read_as_far_as_they_go(results):
    data = campaign.data(results)
    assert [row["nimg"] for row in data.histories[campaign.DEMO].rows] == [10, 20, 30, 40, 50]
    assert "1 line of" in data.histories[campaign.DEMO].problem
    assert data.samples[campaign.DEMO].images.shape == (40, 3, 32, 32)
    assert isinstance(data.samples[campaign.DEMO].images, np.memmap)
    assert data.samples["noise-photos"].problem.endswith("does not exist")


@pytest.mark.parametrize("array", [np.zeros((4, 3, 8, 8)), np.zeros((0, 3, 8, 8), np.uint8), np.array([{"a": 1}])])
def test_samples_that_are_no_images_are_a_problem(results, array):
    path = results / read_plan(results / "plan/plan.json").samples[campaign.DEMO]
    np.save(path, array, allow_pickle=True)
    samples = campaign.data(results).samples[campaign.DEMO]
    assert samples.images is None
    assert samples.problem


def test_a_plan_that_judges_an_unknown_claim_is_refused(results):
    path = results / "plan/plan.json"
    plan = json.loads(path.read_text())
    del plan["cards"]["claims"]["f-sum"]
    write_json(path, plan)
    with pytest.raises(InputError, match="no claim 'f-sum'"):
        load(read_plan(path), results)
