"""`--use-conda` from beginning to end: conda is a stand-in with a channel of its own, pip's part is the real one."""

import json
import shutil

import pytest
import yaml
from support import conda_standin, tree
from support.conda_standin.channel import STARTED

NEEDED_GB = 10  # measured at the peak: 7.3, of which 5.5 stay until the end
ELSEWHERE = {"common", "import", "export"}  # no stage, or none of the small run


@pytest.fixture
def workplace(tmp_path):
    """An empty folder to run in, emptied again: the environment is made in it."""
    free = shutil.disk_usage(tmp_path).free / 1e9
    assert free > NEEDED_GB, f"{tmp_path}: {free:.0f} GB are free, {NEEDED_GB} are needed"
    (tmp_path / "work").mkdir()
    yield tmp_path / "work"
    shutil.rmtree(tmp_path)


@pytest.mark.long
def test_every_stage_runs_in_the_environment_of_environment_yml(workplace, tmp_path):
    (tmp_path / "project").mkdir()
    project = tree.shrink(tree.copy(tmp_path / "project"))
    (tmp_path / "channels").mkdir()
    environment = conda_standin.on_path(tmp_path / "channels")
    command = ["--cores", "all", "--use-conda", "--snakefile", str(project / "Snakefile")]
    for step in (["--conda-create-envs-only"], []):
        result = tree.snakemake(workplace, *command, *step, env=environment)
        assert result.returncode == 0, result.stdout + result.stderr

    (prefix,) = (path for path in (workplace / ".snakemake/conda").iterdir() if path.is_dir())
    started = [json.loads(line) for line in (prefix / STARTED).read_text().splitlines()]
    ran = {call[5] for call in started if call[1:4] == ["-m", "stylenat", "--log"]}
    assert ran == {path.stem for path in (project / "workflow/rules").glob("*.smk")} - ELSEWHERE

    pins = yaml.safe_load((project / "environment.yml").read_text())["dependencies"][-1]["pip"]
    records = [json.loads(path.read_text()) for path in (workplace / "results/measure").glob("*/*/*seed*.json")]
    assert records
    for versions in (record["versions"] for record in records):
        assert versions["stylenat"] == "not installed"  # the code is the checkout's
        assert {f"{name}=={versions[name]}" for name in ("torch", "numpy", "snakemake")} <= set(pins)
