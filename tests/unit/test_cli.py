"""Bad input at the command line: one clear line on stderr, exit status 1, no traceback."""

import subprocess
import sys

import pytest
from support.fake_slurm import FakeSlurm

from stylenat.core.registry import ROOT


def stylenat(*arguments, cwd=ROOT):
    command = [sys.executable, "-m", "stylenat", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def one_line(result):
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("stylenat: error: ")
    return lines[0]


def test_list_shows_cards_on_stdout():
    result = stylenat("list", "models")
    assert result.returncode == 0
    assert "models\tstylenat-ffhq-256\t" in result.stdout


def test_check_names_what_a_run_needs_from_outside(tmp_path):
    result = stylenat("check", ROOT / "config/paper.yaml", cwd=tmp_path)
    assert result.returncode == 0
    assert "all sound" in result.stdout
    assert "missing: weights/FFHQ256_940k_flip.pt" in result.stdout
    assert "missing: data/ffhq/images1024x1024" in result.stdout
    assert "pretrained" not in result.stdout
    trained = stylenat("check", ROOT / "config/retrain.yaml", cwd=tmp_path).stdout
    feature_network = "deit_base_distilled_patch16_224-df68dfff.pth (pretrained network in the training of"
    assert f"missing: weights/{feature_network} 'stylegan-xl-ffhq-1024-scratch' and 6 more)" in trained


@pytest.fixture
def fake(tmp_path, monkeypatch):
    commands = FakeSlurm(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(commands.folder))
    return commands


def test_check_asks_a_cluster_only_when_told_to(fake, tmp_path):
    assert stylenat("check", cwd=tmp_path).returncode == 0
    assert fake.asked() == ""
    result = stylenat("check", "--cluster", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "all sound" in result.stdout
    assert "cluster: MinJobAge 300 s, no accounting: job states are asked with squeue\n" in result.stdout
    assert "GPUs" not in result.stdout


def test_check_looks_at_gpus_where_a_run_or_the_file_needs_them(fake, tmp_path):
    needed = "(the default) has 8 GPUs in a node"
    assert needed in stylenat("check", "--cluster", ROOT / "config/paper.yaml", cwd=tmp_path).stdout
    assert "GPUs" not in stylenat("check", "--cluster", ROOT / "config/config.yaml", cwd=tmp_path).stdout
    (tmp_path / "cluster.yaml").write_text("gpu_model: h200\n")
    assert needed in stylenat("check", "--cluster", cwd=tmp_path).stdout


def test_check_prints_every_finding_before_it_refuses_a_cluster(fake, tmp_path):
    fake.partition("cpu", Default="YES", State="DOWN", MaxTime="01:00:00")
    result = stylenat("check", "--cluster", cwd=tmp_path)
    assert one_line(result).endswith("found 2 of 5 findings about the cluster wrong, expected none")
    assert result.stdout.count("cluster: wrong: ") == 2
    assert len([line for line in result.stdout.splitlines() if line.startswith("cluster: ")]) == 5


@pytest.mark.parametrize(
    ("text", "says"), [("gpu: a", "cluster.yaml: unknown key 'gpu'"), ("{", "cluster.yaml: not valid YAML")]
)
def test_check_names_a_faulty_cluster_file(fake, tmp_path, text, says):
    (tmp_path / "cluster.yaml").write_text(text)
    assert says in one_line(stylenat("check", "--cluster", cwd=tmp_path))


def test_check_without_slurm_is_one_line(fake, tmp_path):
    (fake.folder / "sbatch").unlink()
    assert "SLURM: found no sbatch on PATH" in one_line(stylenat("check", "--cluster", cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prepare", "--dataset", "photograph-32", "--raw", "x", "--out", "y"], "did you mean 'photographs-32'"),
        (["prepare", "--dataset", "photographs-32", "--raw", "nowhere", "--out", "y"], "nowhere"),
        (["--config", "nowhere", "list", "models"], "nowhere: no such folder of cards"),
        (["check", "nowhere.yaml"], "nowhere.yaml: can't be read"),
        (["plan", "--run", "{", "--out", "x"], "--run: not valid JSON"),
        (["judge", "--claim", "x", "--plan", "nowhere.json", "--results", "r", "--out", "o"], "nowhere.json: no such"),
        (["import", "--model", "stylenat-ffhq-256", "--weights", "nowhere", "--out", "x"], "put the checkpoint of"),
        (["import", "--model", "stylenat-demo-32", "--weights", "nowhere", "--out", "x"], "no checkpoint to import"),
    ],
)
def test_bad_input_is_one_line(arguments, says):
    assert says in one_line(stylenat(*arguments))


def test_too_few_images_is_one_line_and_leaves_no_manifest(tmp_path):
    (tmp_path / "raw").mkdir()
    out = tmp_path / "set/manifest.json"
    arguments = ["prepare", "--dataset", "photographs-32", "--raw", tmp_path / "raw", "--out", out]
    assert "found 0 images" in one_line(stylenat(*arguments))
    assert not out.exists()


def test_an_unwritable_results_folder_is_one_line(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    run = (ROOT / "config/config.yaml").read_text()
    code = "import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    config = subprocess.run([sys.executable, "-c", code], input=run, capture_output=True, text=True).stdout
    result = stylenat("plan", "--run", config, "--out", tmp_path / "results/plan/plan.json")
    assert str(tmp_path / "results") in one_line(result)


def test_the_log_keeps_the_message(tmp_path):
    log = tmp_path / "logs/a.log"
    result = stylenat("--log", log, "check", "nowhere.yaml")
    assert one_line(result) in log.read_text()


def test_a_log_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in one_line(stylenat("--log", tmp_path / "file/a.log", "list"))


def test_prepare_verifies_and_writes_no_image(tmp_path):
    stylenat("fetch", "--dataset", "photographs-32", "--out", tmp_path / "raw")
    (tmp_path / "raw/00007.png").write_bytes(b"")
    arguments = [
        "prepare",
        "--dataset",
        "photographs-32",
        "--raw",
        tmp_path / "raw",
        "--out",
        tmp_path / "set/manifest.json",
    ]
    assert "00007.png: found no bytes" in one_line(stylenat(*arguments, "--verify", "--workers", 1))
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["faults.tsv"]
    assert "expected at least 1" in stylenat(*arguments, "--workers", 0).stderr
