import json

import pytest
from support.planned_run import (
    CATALOG,
    FILTERS,
    LEVEL,
    MODEL,
    REAL,
    RIVAL,
    around,
    fill,
    make,
    planned,
    record,
    verdict_on,
)

from stylenat.core.errors import InputError
from stylenat.core.files import write_json
from stylenat.core.records import write_record


@pytest.fixture
def results(tmp_path):
    """A results folder with the plan of a run that compares models with sets of several filters."""
    return make(FILTERS, tmp_path)


def test_a_record_against_another_set_is_refused(results):
    fill(results, "fid-256", around(LEVEL))
    job = planned(results, "fid-256")[0]
    write_record(results / job["path"], record({**job, "dataset": "ffhq-256-bicubic"}, 2.0))
    with pytest.raises(InputError, match=r"holds the record of .*ffhq-256-bicubic.*, expected"):
        verdict_on("fid-256", results)


def test_other_filters_that_are_not_measured_yet_keep_no_claim_from_being_judged(results):
    fill(results, "fid-256", around(LEVEL))
    found = verdict_on("fid-256", results)
    assert found.status == "reproduced"
    assert "Without a number to use: box (ffhq-256-box), tfrecord (ffhq-256-tfrecord)." in found.reason


def test_a_number_that_hangs_on_the_filter_is_inconclusive(results):
    others = {"ffhq-256-box": LEVEL | {MODEL: 3.25}, "ffhq-256-tfrecord": LEVEL | {MODEL: 2.04}}
    fill(results, "fid-256", around(LEVEL, others=others))
    found = verdict_on("fid-256", results)
    assert (found.status, found.measured) == ("inconclusive", pytest.approx(2.05))
    assert found.reason.startswith("It depends on the filter, which the paper does not state: reproduced with lanczos")
    assert "not reproduced with box (ffhq-256-box)." in found.reason
    assert "tfrecord (ffhq-256-tfrecord) 2.04, reproduced" in found.reason
    assert "The spread over them is 1.21." in found.reason
    assert "The verdict would be another under box (ffhq-256-box)." in found.reason
    assert len(found.records) == 5 * (3 + 2 + 2)  # model and controls; model and noise for each other set


def test_a_comparison_keeps_the_status_of_its_own_set_and_says_where_another_turns_it(results):
    others = {"ffhq-256-box": LEVEL | {MODEL: 3.25}, "ffhq-256-tfrecord": LEVEL}
    fill(results, "fid-256-below-stylegan-xl", around(LEVEL, others=others))
    found = verdict_on("fid-256-below-stylegan-xl", results)
    assert found.status == "reproduced"
    assert "The verdict would be another under box (ffhq-256-box)." in found.reason


def test_a_set_is_compared_only_where_all_models_were_measured_against_it(results):
    fill(results, "fid-256-below-stylegan-xl", around(LEVEL, others={"ffhq-256-box": {MODEL: 3.25}}))
    assert "Without a number to use: box" in verdict_on("fid-256-below-stylegan-xl", results).reason


def test_only_other_sets_are_no_evidence(results):
    plan = json.loads((results / "plan.json").read_text())
    own = {record["path"] for record in plan["records"] if record["dataset"] == "ffhq-256-lanczos"}
    verdicts = [{**v, "records": [path for path in v["records"] if path not in own]} for v in plan["verdicts"]]
    write_json(results / "plan.json", plan | {"verdicts": verdicts})
    found = verdict_on("fid-256", results)
    assert found.status == "not_run"
    assert "against its own set, ffhq-256-lanczos, only against ffhq-256-box, ffhq-256-tfrecord" in found.reason


@pytest.mark.parametrize(
    ("claim", "changed", "status", "says"),
    [
        ("fid-256-below-stylegan-xl", {MODEL: 0.01}, "inconclusive", f"{MODEL} is flagged: better than real images"),
        ("fid-256-below-stylegan-xl", {RIVAL: 400.0}, "inconclusive", f"{RIVAL} is flagged: worse than noise"),
        ("fid-256-below-stylegan-xl", {REAL: 301.0}, "inconclusive", "the controls are out of order"),
        ("fid-256-readme-bound", {MODEL: 0.01}, "reproduced", f"{MODEL} is flagged: better than real images"),
        ("fid-256-below-stylegan-xl", {MODEL: 0.1}, "reproduced", "is below"),  # the noise of the floor flags nobody
    ],
)
def test_a_model_outside_its_controls_is_not_ranked(results, claim, changed, status, says):
    fill(results, claim, around(LEVEL | changed))
    found = verdict_on(claim, results)
    assert found.status == status
    assert says in found.reason
    assert ("flagged" in found.reason) == ("flagged" in says or "order" in says)


def test_controls_of_another_version_of_the_protocol_bound_nothing(results):
    fill(results, "fid-256-below-stylegan-xl", around(LEVEL | {REAL: 301.0}))
    for job in planned(results, "fid-256-below-stylegan-xl"):
        if job["model"] == REAL:
            old = record(job, 301.0, protocol_version=CATALOG.protocol("stylenat-50k").version + 1)
            write_record(results / job["path"], old)
    assert verdict_on("fid-256-below-stylegan-xl", results).status == "reproduced"


def test_a_filter_under_which_the_model_is_flagged_decides_nothing(results):
    fill(results, "fid-256", around(LEVEL, others={"ffhq-256-box": LEVEL | {MODEL: 400.0}}))
    found = verdict_on("fid-256", results)
    assert found.status == "reproduced"
    assert "Without a number to use: box (ffhq-256-box)" in found.reason
