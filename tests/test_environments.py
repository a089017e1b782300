"""One set of pins, wherever an environment comes from: pyproject, conda, the lock file, the container."""

import re
import tomllib

import yaml

from stylenat.core.registry import ROOT

PINS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
LOCK = (ROOT / "requirements.lock").read_text()
CONTAINER = (ROOT / "apptainer.def").read_text()
WORKFLOW = [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")]


def test_the_environment_file_leaves_conda_python_and_pip_and_pins_the_rest_itself():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert set(environment) == {"name", "channels", "dependencies"}
    *conda, pip = environment["dependencies"]
    assert conda == ["python =3.11", "pip"]
    assert pip == {"pip": PINS}
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in PINS)


def test_the_lock_holds_every_pin_and_gives_each_package_its_hashes():
    entries = re.findall(r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", LOCK, flags=re.M)
    assert set(PINS) <= {name for name, _ in entries}, "stale: run `make lock`"
    made = "".join(f"{name}{hashes}\n" for name, hashes in entries)
    assert made == re.sub(r"^#.*\n", "", LOCK, flags=re.M), "a line that is neither a pin nor its hash"


def test_the_container_installs_the_lock_on_the_same_python():
    assert re.search(r"^From: python:3\.11-slim$", CONTAINER, flags=re.M)
    assert "pip install --no-cache-dir --require-hashes --requirement /opt/requirements.lock\n" in CONTAINER
    copied = re.search(r"^%files\n    (\S+) /opt/requirements.lock$", CONTAINER, flags=re.M)
    assert (ROOT / copied[1]).read_text() == LOCK
    assert CONTAINER.startswith("# Not built by the project's tests")


def test_the_workflow_catalog_is_told_what_is_so():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    text = "\n".join(path.read_text() for path in WORKFLOW)
    assert usage["mandatory-flags"] == {"desc": None, "flags": None}
    assert usage["software-stack-deployment"] == {
        "conda": bool(re.search(r"^    conda:", text, flags=re.M)),
        "apptainer": bool(re.search(r"^\s*container:", text, flags=re.M)),
        "apptainer+conda": False,
    }
    assert usage["report"] is bool(re.search(r"^report:", text, flags=re.M))
