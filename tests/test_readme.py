"""The README says what the project does: its table is rendered, its commands and paths exist."""

import re

import pytest

from stylenat.core.plan import read_plan
from stylenat.core.registry import ROOT
from stylenat.report.load import load
from stylenat.report.readme import BEGIN, END, render_verdict_table

README = (ROOT / "README.md").read_text()
EXAMPLE = ROOT / "examples/demo"


def test_the_verdict_table_is_rendered_from_the_committed_records():
    data = load(read_plan(EXAMPLE / "plan/plan.json"), EXAMPLE)
    found = README.split(BEGIN)[1].split(END)[0]
    assert found.strip() == render_verdict_table(data).strip(), "stale: run `make example`"
    assert found.count("**reproduced**") >= 7
    assert all(entry.value is not None for entry in data.entries)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)", README, flags=re.M))))
def test_every_make_target_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:config|examples|stylenat|workflow)/[\w./-]*)`", README))))
def test_every_path_exists(path):
    assert "NAME" in path or (ROOT / path).exists()
