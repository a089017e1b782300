"""`stylenat train --processes N`: torchrun's launcher, with an exit status that says whether there is more to do."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support import tree
from support.killing import children_of, wait_until

from stylenat.core.catalog import Catalog
from stylenat.stages import fetch, prepare

MODEL = "stylenat-demo-32"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small recipe of two passes a step, and its images."""
    folder = tree.shrink(tree.copy(tmp_path_factory.mktemp("project")))
    recipe = folder / f"config/training/{MODEL}.yaml"
    tree.edit(recipe, pass_size=4, total_nimg=48, state_nimg=8, quick_fid=None, lr_decay_start_nimg=None)
    card = Catalog(folder / "config").dataset("photographs-32")
    fetch.run_images(card, folder / "raw")
    prepare.run(card, folder / "raw", folder / "set/manifest.json")
    return folder


def start(project, name, *options):
    out = project / name
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stylenat", "--config", "config", "train", "--model", MODEL, *options]
    command += ["--manifest", "set/manifest.json", "--rundir", f"{name}/run", "--history", f"{name}/history.jsonl"]
    command += ["--out", f"{name}/snapshot.safetensors"]
    with open(out / "err", "a") as errors:
        environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(project), "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.Popen(command, cwd=project, stderr=errors, env=environment)


@pytest.mark.long
def test_processes_stop_in_good_order_and_go_on(project):
    process = start(project, "two", "--processes", "3")  # which two passes can't be divided among
    wait_until(lambda: list((project / "two/run").glob("*/state/0*")), seconds=120)
    for pid in (*children_of(process), process.pid):  # as a cluster does: every process of the job
        os.kill(pid, signal.SIGTERM)
    assert process.wait() == 75
    lines = (project / "two/err").read_text().splitlines()
    assert lines[-1] in (
        "stylenat: unfinished: SIGTERM came, and was passed on to 2 processes",
        "stylenat: unfinished: 2 processes stopped in good order",
    )
    assert any("run again to go on from" in line for line in lines)
    assert not (project / "two/snapshot.safetensors").exists()
    assert start(project, "two", "--processes", "2").wait() == 0
    lines = (project / "two/history.jsonl").read_text().splitlines()
    assert [json.loads(line)["nimg"] for line in lines] == list(range(8, 49, 8))


def test_the_time_allowed_ends_all_of_them(project):
    process = start(project, "limited", "--processes", "2", "--time-limit", "0.001")
    assert process.wait() == 75
    errors = (project / "limited/err").read_text()
    assert errors.splitlines()[-1] == "stylenat: unfinished: 2 processes stopped in good order"
    assert "Traceback" not in errors


def test_a_process_that_fails_is_named(project):
    process = start(project, "failed", "--processes", "2", "--device", "cuda")
    assert process.wait() == 1
    errors = (project / "failed/err").read_text()
    assert "torch finds no usable GPU" in errors
    assert errors.splitlines()[-1].startswith("stylenat: error: of 2 processes of the training, failed: process ")
    assert "Traceback" not in errors
