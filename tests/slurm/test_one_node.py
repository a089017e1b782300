"""The workflow on a real SLURM of one node: jobs that are stopped in every way end in the same weights."""

import hashlib
import json
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from support import tree
from support.slurm import Cluster, wait_for

pytestmark = pytest.mark.slurm
MODEL = "stylenat-demo-32"
SNAPSHOT = f"results/train/{MODEL}/snapshot.safetensors"
TOTAL = 320  # images seen, a minute or so of steps
LIMIT = 1200  # seconds that a run may take, on a machine with other work


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        reason = made.up()
        assert not reason, reason
        yield made
    finally:
        made.down()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """A small training, carried out on this machine without SLURM."""
    folder = tree.shrink(tree.copy(tmp_path_factory.mktemp("local")))
    recipe = folder / f"config/training/{MODEL}.yaml"
    tree.edit(recipe, total_nimg=TOTAL, lr_decay_start_nimg=160, pass_size=4, state_nimg=16, quick_fid=None)
    done = tree.snakemake(folder, SNAPSHOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def weights(folder):
    return hashlib.sha256((folder / SNAPSHOT).read_bytes()).hexdigest()


def verdicts(folder):
    return {path.name: json.loads(path.read_text())["status"] for path in (folder / "results/judge").glob("*.json")}


def values(folder):
    planned = json.loads((folder / "results/plan/plan.json").read_text())["records"]
    found = [json.loads((folder / "results" / record["path"]).read_text()) for record in planned]
    return {(x["protocol"], x["model"], x["seed"]): x["value"] for x in found if x["metric"] != "throughput"}


@pytest.fixture
def prepared(local, tmp_path):
    """The small run up to its training; what is to be written into cluster.yaml comes as arguments."""

    def make(**options):
        folder = tree.copy(tmp_path / "project")
        shutil.rmtree(folder / "config")
        shutil.copytree(local / "config", folder / "config")
        for name in ("fetch", "prepare"):
            shutil.copytree(local / "results" / name, folder / "results" / name)
        (folder / "cluster.yaml").write_text(yaml.safe_dump(options))
        return folder

    (tmp_path / "project").mkdir()
    return make


def logged(folder):
    """Images seen at each line of the training's log."""
    logs = list((folder / f"results/train/{MODEL}/run").glob("*/log.jsonl"))
    return [json.loads(line)["nimg"] for line in logs[0].read_text().splitlines()] if logs else []


def running(cluster, folder, after):
    """The training's job, as soon as it is under way."""

    def under_way():
        found = cluster.jobs(after=after)
        return found[0] if found and found[0].state == "RUNNING" and len(logged(folder)) > 3 else None

    return wait_for(under_way, LIMIT)


def finish(main, folder):
    assert main.wait(LIMIT) == 0, (folder / "main.txt").read_text()[-3000:]


def begin(cluster, number):
    """Let a job that was put back start now, and not in two minutes; until it runs."""

    def runs():
        cluster.ask("scontrol", "update", f"JobId={number}", "StartTime=now")
        return [job for job in cluster.jobs() if job.number == number and job.state == "RUNNING"]

    wait_for(runs, 120)


def cancelled(cluster, job):
    cluster.ask("scancel", str(job.number))


def put_back(cluster, job):
    cluster.ask("scontrol", "requeue", str(job.number))
    begin(cluster, job.number)


def preempted(cluster, job):
    """Another job takes the whole node for some seconds."""
    cluster.ask("sbatch", "-p", "urgent", "-c", "16", "--comment", "urgent", "-o", "/dev/null", "--wrap", "sleep 5")
    wait_for(lambda: [job for job in cluster.jobs() if job.state != "RUNNING"], 60)
    wait_for(lambda: cluster.jobs()[-1].state in ("PENDING", "RUNNING"), 120)
    begin(cluster, cluster.jobs()[-1].number)


def out_of_time(cluster, job):
    """The time is over: the trainer is held until then, so that it can't stop by itself."""
    pids = subprocess.run(["pgrep", "-f", "stylenat.*train --model"], capture_output=True, text=True, check=True)
    for pid in pids.stdout.split():
        subprocess.run(["kill", "-STOP", pid], check=False)
    cluster.ask("scontrol", "update", f"JobId={job.number}", "TimeLimit=1")
    wait_for(lambda: cluster.jobs(after=job.number - 1)[0].state == "TIMEOUT", 180)


@pytest.mark.parametrize(
    ("stop", "partition", "jobs"),
    [
        pytest.param(cancelled, "cpu", 2, marks=pytest.mark.short),
        (out_of_time, "cpu", 2),
        (put_back, "cpu", 1),
        (preempted, "nograce", 1),
        (preempted, "grace", 2),
    ],
    ids=["cancelled", "out of time", "put back", "preempted at once", "preempted with grace"],
)
def test_a_training_that_is_stopped_ends_in_the_same_weights(cluster, local, prepared, stop, partition, jobs):
    folder, before = prepared(partitions={"cpu": partition}), cluster.last()
    main = cluster.start(folder, SNAPSHOT)
    stop(cluster, running(cluster, folder, before))
    finish(main, folder)
    assert weights(folder) == weights(local)
    assert len(cluster.jobs(after=before)) == jobs


def test_a_training_longer_than_its_jobs_goes_on_in_the_next_one(cluster, local, prepared):
    folder, before = prepared(training_minutes=1), cluster.last()
    rule = folder / "workflow/rules/train.smk"
    text = rule.read_text()
    rule.write_text(text.replace("--time-limit {resources.runtime}", "--time-limit 0.8"))  # of which half is kept back
    assert rule.read_text() != text
    finish(cluster.start(folder, SNAPSHOT), folder)
    assert weights(folder) == weights(local)
    found = cluster.jobs(after=before)
    assert len(found) > 1
    assert [job.state for job in found] == ["FAILED"] * (len(found) - 1) + ["COMPLETED"]


def test_a_command_that_fails_once_is_run_again(cluster, local, prepared):
    folder, before = prepared(), cluster.last()
    rule = folder / "workflow/rules/train.smk"
    text = rule.read_text()
    rule.write_text(text.replace('"python -m', '"[ -e once ] || {{ touch once; exit 3; }}; python -m', 1))
    assert rule.read_text() != text
    finish(cluster.start(folder, SNAPSHOT), folder)
    assert weights(folder) == weights(local)
    assert [job.state for job in cluster.jobs(after=before)] == ["FAILED", "COMPLETED"]


def test_a_killed_workflow_does_not_train_twice_at_once(cluster, local, prepared):
    folder, before = prepared(), cluster.last()
    main = cluster.start(folder, SNAPSHOT)
    running(cluster, folder, before)
    main.send_signal(signal.SIGKILL)
    main.wait()
    assert cluster.start(folder, SNAPSHOT, "--unlock").wait(60) == 0
    finish(cluster.start(folder, SNAPSHOT), folder)
    assert weights(folder) == weights(local)
    assert [job.state for job in cluster.jobs(after=before)] == ["COMPLETED", "COMPLETED"]
    assert "waiting for its end" in (folder / f"results/logs/train/{MODEL}.log").read_text()
    assert logged(folder) == list(range(8, TOTAL + 1, 8))


def test_several_processes_train_in_one_job(cluster, prepared):
    folder, before = prepared(partitions={"cpu": "gpu-a100"}), cluster.last()
    main = cluster.start(folder, SNAPSHOT, "--set-resources", "train:gpu=2", "--set-threads", "train=4")
    running(cluster, folder, before)
    (job,) = cluster.jobs(after=before)
    shown = cluster.ask("scontrol", "show", "job", str(job.number))
    finish(main, folder)
    for asked in ("gpu:2", "NumTasks=1 ", "NumCPUs=4 "):
        assert asked in shown
    assert logged(folder)[-1] == TOTAL


def test_a_partition_that_is_not_there_is_named_at_once(cluster, prepared):
    folder, started = prepared(partitions={"cpu": "cpus"}), time.monotonic()
    assert cluster.start(folder, SNAPSHOT).wait(60) != 0
    assert time.monotonic() - started < 60
    text = (folder / "main.txt").read_text()
    assert "partition 'cpus' (partitions.cpu) does not exist" in text
    assert "Traceback" not in text


def test_the_whole_run_has_the_same_verdicts_and_weights(cluster, local, tmp_path):
    done = tree.snakemake(local)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tree.copy(tmp_path)
    shutil.rmtree(folder / "config")
    shutil.copytree(local / "config", folder / "config")
    finish(cluster.start(folder), folder)
    assert weights(folder) == weights(local)
    assert verdicts(folder) == verdicts(local)
    assert values(folder) == values(local)
    assert len(cluster.jobs("")) > 5
