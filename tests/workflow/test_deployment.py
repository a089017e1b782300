"""Where the workflow may be started from, and what becomes of `--use-conda` without conda."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from support import conda_standin, tree

from stylenat.core.registry import ROOT


@pytest.fixture
def no_conda():
    """This environment without any conda on PATH."""
    path = [part for part in os.environ["PATH"].split(os.pathsep) if not Path(part, "conda").exists()]
    assert shutil.which("bash", path=os.pathsep.join(path))
    assert not Path(sys.executable).with_name("conda").exists(), "run the tests outside of a conda environment"
    return os.environ | {"PATH": os.pathsep.join(path)}


def test_without_conda_one_line_says_what_is_missing_and_where_to_look(no_conda):
    result = tree.snakemake(ROOT, "-n", "--use-conda", env=no_conda)
    lines = [line for line in (result.stdout + result.stderr).splitlines() if "no command `conda`" in line]
    assert result.returncode != 0
    assert lines == [f"--use-conda: no command `conda` on PATH; what to do is in {ROOT / 'docs/environments.md'}"]
    assert (ROOT / "docs/environments.md").is_file()
    assert "Traceback" not in result.stdout + result.stderr


def test_the_workflow_runs_from_another_directory(tmp_path):
    result = tree.snakemake(tmp_path, "--snakefile", str(ROOT / "Snakefile"), "results/plan/plan.json")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "results/plan/plan.json").is_file()


# In the place of the command line: says whose code ran in which Python, at the path given last.
SAYS = """import json, pathlib, sys
pathlib.Path(sys.argv[-1]).write_text(json.dumps([__file__, sys.prefix]))
"""


def test_conda_s_python_runs_the_checkout_s_code_from_another_directory(tmp_path):
    project, work, channels = (tmp_path / name for name in ("a check'out", "work", "channels"))
    for folder in (project, work, channels):
        folder.mkdir()
    tree.copy(project)
    tree.edit(project / "environment.yml", dependencies=["python =3.11"])
    (project / "stylenat/__main__.py").write_text(SAYS)
    target = ["results/plan/plan.json", "--use-conda", "--snakefile", str(project / "Snakefile")]
    result = tree.snakemake(work, *target, env=conda_standin.on_path(channels))
    assert result.returncode == 0, result.stdout + result.stderr
    code, prefix = json.loads((work / "results/plan/plan.json").read_text())
    assert code == str(project / "stylenat/__main__.py")
    assert Path(prefix).parent == work / ".snakemake/conda"


# In the place of the command line: plans, fails at the next stage, and lacks what the report needs.
LACKS = """import pathlib, sys
if "report" in sys.argv:
    import a_package_that_is_not_there
if "plan" not in sys.argv:
    sys.exit("stylenat: error: this stage always fails")
pathlib.Path(sys.argv[-1]).write_text("{}")
"""


@pytest.mark.long
def test_a_report_that_cant_be_rendered_after_a_failure_costs_one_line(tmp_path):
    tree.copy(tmp_path)
    (tmp_path / "stylenat/__main__.py").write_text(LACKS)
    assert tree.snakemake(tmp_path, "results/plan/plan.json").returncode == 0
    result = tree.snakemake(tmp_path, "results/simulate/frechet.json")
    assert result.returncode != 0
    assert "this stage always fails" in result.stderr
    line = "the report was not rendered again, and is as before the failure (ModuleNotFoundError: No module named"
    assert line in result.stderr
    assert "Traceback" not in result.stderr
