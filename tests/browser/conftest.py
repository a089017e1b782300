"""The report as a file, and a browser to read it with."""

import shutil
import subprocess
import tarfile

import pytest
from support import campaign
from support.browser import PROGRAM, Browser

from stylenat.core.registry import ROOT
from stylenat.stages import report

AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def browser():
    if PROGRAM is None:
        pytest.skip("chromium is not installed")
    with Browser() as started:
        yield started


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, from npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    found = subprocess.run(["npm", "pack", AXE], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if found.returncode:
        pytest.skip(f"npm has no {AXE} to give: {found.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The report of a small campaign with text that means harm; one of its measurements is missing."""
    results = campaign.make(tmp_path_factory.mktemp("hostile"))
    return report.run(results / "plan/plan.json", results, results / "report")


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The report of the committed example, rendered anew."""
    source = ROOT / "examples/demo"
    return report.run(source / "plan/plan.json", source, tmp_path_factory.mktemp("example"))


@pytest.fixture(params=["hostile", "example"])
def either(request):
    """One report after the other."""
    return request.getfixturevalue(request.param)
