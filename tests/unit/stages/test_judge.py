import json
import subprocess
import sys

import pytest
from support.planned_run import (
    CATALOG,
    LEVEL,
    MODEL,
    NOISE,
    REAL,
    around,
    fill,
    make,
    planned,
    record,
    verdict_on,
)

from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file, write_json
from stylenat.core.records import failed_path, write_record
from stylenat.core.registry import ROOT

COUNTS = {
    "stylenat-ffhq-256": 48_921_000.0,
    "stylenat-ffhq-1024": 49_452_934.0,
    "stylegan-xl-ffhq-256": 67_929_851.0,
    "stylegan-xl-ffhq-256-scratch": 34_015_675.0,
}


@pytest.fixture(params=["config"])
def results(request, tmp_path):
    """A results folder with the plan of a run."""
    return make(request.param, tmp_path)


@pytest.mark.parametrize("claim", ["parameters-256", "parameters-1024"])
def test_a_count_is_judged_in_the_demo_run(results, claim):
    fill(results, claim, lambda job: COUNTS[job["model"]])
    found = verdict_on(claim, results)
    assert (found.status, found.demo, found.code) == ("reproduced", True, "code")
    path = planned(results, claim)[0]["path"]
    assert found.records == {path: sha256_file(results / path)}


def test_a_wrong_count_is_not_reproduced(results):
    fill(results, "parameters-256", lambda job: 48_930_000.0)
    assert verdict_on("parameters-256", results).status == "not_reproduced"


def test_a_missing_record_is_told_by_its_path(results):
    found = verdict_on("parameters-256", results)
    assert found.status == "not_run"
    assert found.reason == f"stylenat-ffhq-256: {planned(results, 'parameters-256')[0]['path']} has not been made."
    assert found.records == {}


def test_a_failure_beside_the_record_gives_its_reason(results):
    job = planned(results, "parameters-256")[0]
    path = failed_path(results / job["path"])
    write_record(path, record(job, None, status="failed", reason="the network can't be built"))
    found = verdict_on("parameters-256", results)
    assert found.status == "not_run"
    assert "the network can't be built" in found.reason
    assert found.records == {path.relative_to(results).as_posix(): sha256_file(path)}


def test_a_record_of_another_job_is_refused(results):
    job = planned(results, "parameters-256")[0]
    write_record(results / job["path"], record({**job, "model": "stylenat-ffhq-1024"}, 1.0))
    with pytest.raises(InputError, match=r"holds the record of .*stylenat-ffhq-1024.*, expected"):
        verdict_on("parameters-256", results)


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ("fid-256", "stylenat-ffhq-256: not measured under stylenat-50k in run 'demo'; config/paper.yaml measures it."),
        ("throughput-256", "under throughput-official-script in run 'demo'; config/paper.yaml measures it."),
    ],
)
def test_what_the_demo_leaves_out_is_told_with_where_to_find_it(results, claim, says):
    fill(results, claim, lambda job: COUNTS[job["model"]])
    found = verdict_on(claim, results)
    assert found.status == "not_run"
    assert says in found.reason


@pytest.mark.parametrize(
    ("claim", "status", "says"),
    [
        (
            "parameters-saving-measured",
            "not_comparable",
            "But stylegan-xl-ffhq-256's architecture is inferred: stem size",
        ),
        ("parameters-saving-readme-recipe", "not_reproduced", "48,921,000 / 34,015,675 = 1.4382: outside 0.72"),
    ],
)
def test_a_saving_holds_against_a_known_network_alone(results, claim, status, says):
    fill(results, claim, lambda job: COUNTS[job["model"]])
    found = verdict_on(claim, results)
    assert found.status == status
    assert says in found.reason


@pytest.mark.parametrize("results", ["paper"], indirect=True)
def test_weights_that_fit_confirm_an_inferred_architecture(results):
    fill(results, "fid-256-below-stylegan-xl", around(LEVEL))
    found = verdict_on("fid-256-below-stylegan-xl", results)
    assert found.status == "reproduced"
    assert "inferred" not in found.reason


@pytest.mark.parametrize("results", ["paper"], indirect=True)
def test_a_fid_over_five_seeds_names_the_filter_that_it_hangs_on(results):
    fill(results, "fid-256", around(LEVEL))
    found = verdict_on("fid-256", results)
    assert (found.status, found.measured) == ("reproduced", pytest.approx(2.05))
    assert {path.split("/")[2] for path in found.records} == {MODEL, REAL, NOISE}
    assert "It rests on reals resized with the filter lanczos (ffhq-256-lanczos)" in found.reason
    assert not found.demo


@pytest.mark.parametrize("results", ["paper"], indirect=True)
def test_models_timed_in_the_same_sessions_are_paired(results):
    """Sessions differ more than models do: unpaired, the difference would drown in them."""
    pace = [1.0, 1.5, 0.7, 1.2, 0.9]
    for job in planned(results, "throughput-gain-measured"):
        session = {"throughput/x.json": str(job["seed"]) * 64}
        value = pace[job["seed"]] * (22.8 if job["model"] == MODEL else 10.0) * (1 + 0.001 * job["seed"])
        fields = {"inputs": session, "device": {"name": "GPU"}, "unit": "images/s", "direction": "higher"}
        write_record(results / job["path"], record(job, value, **fields))
    found = verdict_on("throughput-gain-measured", results)
    assert "= 2.28 (95 % interval over 5 paired sessions: 2.28 to 2.28)" in found.reason


@pytest.mark.parametrize("results", ["paper"], indirect=True)
def test_a_full_run_that_lacks_a_measurement_does_not_point_at_itself(results):
    plan = json.loads((results / "plan.json").read_text())
    write_json(results / "plan.json", plan | {"verdicts": [{**v, "records": []} for v in plan["verdicts"]]})
    assert "add it to the run's 'measure'" in verdict_on("fid-256", results).reason


def test_every_claim_of_the_demo_gets_a_verdict_with_a_reason(results):
    planned = [verdict["claim"] for verdict in json.loads((results / "plan.json").read_text())["verdicts"]]
    assert len(planned) > 20
    for name in planned:
        found = verdict_on(name, results)
        assert found.reason.endswith("."), name
        assert found.rule
        assert found.status == ("reproduced" if CATALOG.claim(name).kind == "arithmetic" else "not_run")


def test_a_check_of_the_harness_is_judged_on_demo_numbers(results):
    """They are compared with one another only, so that a detector of random weights is no obstacle."""

    def value(job):
        return (0.01 if job["model"].startswith("real") else 2.8) * (1 + 0.01 * job["seed"])

    fill(results, "check-fid-controls-32", value, comparable=False)
    assert verdict_on("check-fid-controls-32", results).status == "reproduced"
    fill(results, "check-fid-controls-32", lambda job: -value(job), comparable=False)
    assert verdict_on("check-fid-controls-32", results).status == "not_reproduced"


def test_an_unknown_claim_names_the_nearest(results):
    with pytest.raises(InputError, match="no claim 'fid-265'; did you mean 'fid-256'"):
        verdict_on("fid-265", results)


def test_judging_needs_no_torch():
    code = "import sys, stylenat.stages.judge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
