"""The start of a run on a cluster, with commands that stand in for SLURM's: what would hang is never submitted."""

import os
import re

import pytest
from support import tree
from support.fake_slurm import FakeSlurm

TARGET = "results/measure/parameters/stylenat-ffhq-256/records.json"
REFUSED = "nothing was submitted to this cluster: "


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tree.shrink(tree.copy(tmp_path_factory.mktemp("project")))


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A sound cluster that takes no job: a run that is not refused gets as far as sbatch."""
    commands = FakeSlurm(tmp_path / "bin")
    commands.says("sbatch *", "sbatch: error: no jobs today", 1)
    monkeypatch.setenv("PATH", f"{commands.folder}{os.pathsep}{os.environ['PATH']}")
    return commands


def run(project, *arguments):
    """A run of one job, given up at its first failure; its exit status and all it said."""
    soon = ("--retries", "0", "--slurm-init-seconds-before-status-checks", "1")
    result = tree.snakemake(project, TARGET, *soon, *arguments)
    return result.returncode, result.stdout + result.stderr


def test_a_sound_cluster_is_submitted_to(project, fake):
    code, said = run(project, "--workflow-profile", "slurm")
    assert code == 1
    assert REFUSED not in said
    assert "no jobs today" in said
    assert "sbatch --parsable" in fake.asked()


def test_what_would_hang_is_refused_before_anything_is_submitted(project, fake):
    fake.partition("cpu", Default="YES", PreemptMode="CANCEL")
    code, said = run(project, "--workflow-profile", "slurm")
    assert code == 1
    assert REFUSED + "partition 'cpu' (the default): PreemptMode CANCEL, GraceTime 0 s" in said
    assert "Traceback" not in said
    assert "sbatch" not in fake.asked()


def test_the_profile_is_what_keeps_the_executor_from_a_silent_sacct(project, fake):
    code, said = run(project, "--workflow-profile", "none", "--executor", "slurm", "--jobs", "1")
    assert code == 1
    assert "job states are asked with sacct, which never tells that a job has ended" in said
    assert "sbatch" not in fake.asked()


def test_the_snakemake_inside_a_job_does_not_check_again(project, fake):
    fake.partition("cpu", Default="YES", PreemptMode="CANCEL")
    inside = ("--mode", "remote", "--executor", "slurm", "--jobs", "1", "--nolock")
    _, said = run(project, "--workflow-profile", "none", *inside)
    assert REFUSED not in said
    assert "sbatch" in fake.asked()


def test_one_machine_uses_its_own_profile_and_asks_no_cluster(project, fake):
    fake.says("scontrol ping", "DOWN", 1)
    result = tree.snakemake(project, "results/plan/plan.json")
    assert result.returncode == 0, result.stderr
    assert "Using workflow specific profile profiles/default" in result.stderr
    assert re.search(r"^Provided resources: .*gpu\W.*\b1\b", result.stderr, flags=re.M)
    assert "scontrol ping" not in fake.asked()


def test_a_misspelt_key_of_the_users_file_stops_any_run(project, fake):
    path = project / "cluster.yaml"
    path.write_text("partition: {gpu: a}\n")
    try:
        code, said = run(project, "-n")
    finally:
        path.unlink()
    assert code == 1
    assert "cluster.yaml: unknown key 'partition'; did you mean 'partitions'?" in said
