"""The whole workflow in small: one run, then what a change, a loss and a failure make of it."""

import json
import subprocess
import sys
import zipfile

import pytest
from support import tree

FID_FILES = ("stylenat-demo-32", "real-photographs-32", "noise-photographs-32")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A small run, carried out once, with sockets blocked."""
    folder = tree.shrink(tree.copy(tmp_path_factory.mktemp("project")))
    result = tree.snakemake(folder, env=tree.offline(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def record(folder, protocol, model):
    variant = "photographs-32-seed0" if protocol == "fid-demo" else "seed0"
    return folder / f"results/measure/{protocol}/{model}/{variant}.json"


def test_the_report_and_every_record_are_there(done):
    assert (done / "results/report/report.html").stat().st_size > 10_000
    plan = json.loads((done / "results/plan/plan.json").read_text())
    for planned in plan["records"]:
        found = json.loads((done / "results" / planned["path"]).read_text())
        assert found["status"] == "ok"
        assert found["demo"] is True
        assert found["inputs"] or found["metric"] in ("parameters", "throughput", "flops")
    assert len(list((done / "results/judge").glob("*.json"))) == len(plan["verdicts"])


def test_every_rule_ran_with_sockets_blocked(done):
    commands = (done / "offline.txt").read_text()
    for path in (done / "workflow/rules").glob("*.smk"):
        if path.stem not in ("common", "import", "export"):  # which the small run has not
            assert f"-m stylenat --log results/logs/{path.stem}" in commands, path.stem
    script = "import urllib.request; urllib.request.urlopen('http://192.0.2.1')"
    done_ = subprocess.run([sys.executable, "-c", script], env=tree.offline(done), capture_output=True, text=True)
    assert "sockets are blocked, found a connection to 192.0.2.1" in done_.stderr


def test_a_demo_fid_is_never_comparable(done):
    for model in FID_FILES:
        found = json.loads(record(done, "fid-demo", model).read_text())
        assert found["comparable"] is False
        assert "random" in found["comparable_reason"]


def test_the_parameter_claim_is_reproduced(done):
    found = json.loads(record(done, "parameters", "stylenat-ffhq-256").read_text())
    assert found["value"] == 48_921_000
    verdicts = [json.loads(path.read_text()) for path in (done / "results/judge").glob("*.json")]
    mine = [v for v in verdicts if "measure/parameters/stylenat-ffhq-256/seed0.json" in v["records"]]
    assert "reproduced" in {verdict["status"] for verdict in mine}


def test_a_second_run_has_nothing_to_do(done):
    assert tree.planned(done) == {}


@pytest.mark.parametrize(
    ("metric", "measured"),
    [("fid", len(FID_FILES)), ("parameters", 1)],
)
def test_a_changed_metric_reruns_its_measurements_verdicts_and_report(done, metric, measured):
    module = done / f"stylenat/metrics/{metric}.py"
    before = module.read_text()
    module.write_text(before + "\n# changed\n")
    protocol = {"fid": "fid-demo", "parameters": "parameters"}[metric]
    plan = json.loads((done / "results/plan/plan.json").read_text())
    judged = sum(any(f"/{protocol}/" in path for path in verdict["records"]) for verdict in plan["verdicts"])
    try:
        assert judged > 0
        assert tree.planned(done) == {"measure": measured, "judge": judged, "report": 1}
    finally:
        module.write_text(before)


def test_a_deleted_measurement_is_made_again(done):
    path = record(done, "parameters", "stylenat-ffhq-256").with_name("records.json")
    kept = path.read_text()
    path.unlink()
    try:
        jobs = tree.planned(done)
        assert jobs["measure"] == 1
        assert set(jobs) <= {"measure", "judge", "report"}
    finally:
        path.write_text(kept)


def test_a_changed_card_reruns_what_rests_on_it(done):
    card = done / "config/protocols/throughput-demo.yaml"
    before = card.read_text()
    tree.edit(card, parameters={"mode": "throughput", "precision": "fp32", "batch_size": 2, "warmup": 1, "rounds": 2})
    try:
        jobs = tree.planned(done)
        assert (jobs["throughput"], jobs["measure"]) == (1, 1)
    finally:
        card.write_text(before)


def test_the_papers_matrix_resolves(done):
    jobs = tree.planned(done, "--configfile", "config/paper.yaml")
    assert jobs["train"] == 6  # StyleNAT at two sizes, and HiT, which has no public weights
    assert jobs["import_checkpoint"] == 8
    assert 300 < jobs["measure"] < 400  # a model under a protocol each: all seeds, and all sets of reals


def test_a_progressively_grown_network_is_trained_stage_by_stage(done):
    jobs = tree.planned(done, "--configfile", "config/retrain.yaml")
    assert jobs["train"] == 18  # seven of them StyleGAN-XL's stages from 16 to 1024 px
    assert "import_checkpoint" not in jobs
    target = "results/train/stylegan-xl-demo-32/snapshot.safetensors"
    assert tree.planned(done, target)["train"] == 2


def test_snakemake_s_own_report_is_made(done):
    result = tree.snakemake(done, "--report", "own.zip")
    assert result.returncode == 0, result.stdout + result.stderr
    with zipfile.ZipFile(done / "own.zip") as archive:
        names = " ".join(archive.namelist())
    assert "report.html" in names
    assert "fid-parameters.svg" in names


def test_a_misspelt_key_stops_before_any_work(done):
    card = done / "config/datasets/photographs-32.yaml"
    before = card.read_text()
    card.write_text(before + "cuont: 3\n")
    try:
        result = tree.snakemake(done, "-n")
        assert result.returncode != 0
        assert "photographs-32.yaml: unknown key 'cuont'; did you mean 'count'?" in result.stdout + result.stderr
        assert "Traceback" not in result.stdout + result.stderr
    finally:
        card.write_text(before)


def test_a_failing_measurement_fails_the_run_and_leaves_no_stale_verdict(done):
    module = done / "stylenat/metrics/parameters.py"
    before = module.read_text()
    module.write_text(before + "\n\ndef compute(*args, **kwargs):\n    raise ValueError('the counter is broken')\n")
    page = done / "results/report/report.md"
    assert "the counter is broken" not in page.read_text()
    result = tree.snakemake(done)
    module.write_text(before)
    assert result.returncode != 0
    assert "the counter is broken" in result.stdout + result.stderr
    assert not record(done, "parameters", "stylenat-ffhq-256").exists()
    assert record(done, "fid-demo", "stylenat-demo-32").exists(), "what was computed is lost"
    assert "the counter is broken" in page.read_text()
    lines = [line for line in (done / "results/report/claims.csv").read_text().splitlines() if "48.92" in line]
    assert lines
    assert not any(",reproduced," in line for line in lines if "arithmetic" not in line)
    again = tree.snakemake(done)
    assert again.returncode == 0, again.stderr
    assert "the counter is broken" not in page.read_text()
    assert tree.planned(done) == {}
