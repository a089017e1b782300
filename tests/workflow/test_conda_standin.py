"""The tests' own conda: it makes an environment from a sound file and refuses the others."""

import os
import subprocess

import pytest
import yaml
from support import conda_standin

SOUND = {"name": "small", "channels": ["conda-forge", "nodefaults"], "dependencies": ["python =3.11", "pip"]}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return conda_standin.on_path(tmp_path_factory.mktemp("channels"))


def create(environment, folder, **changes):
    """Ask for an environment as Snakemake does; gives conda's answer."""
    (folder / "small.yaml").write_text(yaml.safe_dump(SOUND | changes))
    options = ["--quiet", "--no-default-packages", "--file", "small.yaml", "--prefix", str(folder / "made")]
    command = ["conda", "env", "create", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_sound_file_gives_a_python_with_pip_and_nothing_else(environment, tmp_path):
    result = create(environment, tmp_path)
    assert result.returncode == 0, result.stderr
    command = [tmp_path / "made/bin/python", "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(command, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True, check=True)
    assert [line.split("==")[0] for line in listed.stdout.split()] == ["pip"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dependancies": []}, "unknown key 'dependancies'"),
        ({"dependencies": ["python =3.99"]}, "No candidates were found for python 3.99"),
        ({"dependencies": ["python =3.11", "no-such-package"]}, "No candidates were found for no-such-package"),
        ({"dependencies": ["python ==="]}, "unable to parse version spec"),
        ({"channels": ["no-such-channel"]}, "could not find"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(environment, tmp_path, changes, message):
    result = create(environment, tmp_path, **changes)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_call_that_snakemake_does_not_make_is_refused(environment):
    result = subprocess.run(["conda", "install", "torch"], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "conda stand-in: not implemented: install torch\n")
