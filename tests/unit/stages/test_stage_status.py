"""What `status` prints, as text and as JSON."""

import json
import os
import re
import subprocess
import sys

import pytest
from support.results_folder import CATALOG, LEASE, MODEL, NOW, TOTAL, Place, row_of, run_file

from stylenat.core.errors import InputError
from stylenat.core.reading import one_line
from stylenat.core.registry import ROOT
from stylenat.core.survey import STATES
from stylenat.stages import status as stage


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def json_of(place):
    return json.loads(stage.run(CATALOG, [run_file(place)], as_json=True))


def test_json_says_what_the_text_says(place):
    place.run_folder("a" * 12, seen=[64], speed=8.0, lease=LEASE)
    place.write(f"measure/fid-demo/{MODEL}/photographs-32-seed0.failed.json", {"reason": "a reason"})
    found = json_of(place)
    assert (found["schema_version"], len(found["runs"])) == (1, 1)
    run, text = found["runs"][0], stage.run(CATALOG, [run_file(place)], as_json=False)
    assert run["run_file"] in text.splitlines()[0]
    for name, found in run["stages"].items():
        assert row_of(text, name) == ["-" if found[state] is None else str(found[state]) for state in STATES]
    left = stage.duration(run["trainings"][1]["seconds_left_estimate"])
    assert row_of(text, MODEL) == ["running", "64", f"{TOTAL:,}", "5.0%", "8", *left.split()]
    assert f"measure fid-demo/{MODEL}/photographs-32-seed0: a reason" in text


def test_every_key_of_the_json_is_documented(place):
    place.run_folder("a" * 12, seen=[64], lease=LEASE)
    place.write(f"measure/fid-demo/{MODEL}/records.json", "{")
    place.write("logs/judge/parameters-256.log", "stylenat: error: a reason\n")
    run = json_of(place)["runs"][0]
    section = (ROOT / "docs/slurm.md").read_text().split("## Watching it")[1].split("\n## ")[0]
    trained = next(one for one in run["trainings"] if one["trainer"])
    keys = {"schema_version", "runs", *run, *trained, *trained["trainer"], *run["failed"][0], *run["unreadable"][0]}
    assert keys | set(STATES) <= set(re.findall(r"`(\w+)`", section))


def test_several_runs_and_the_default(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = stage.run(CATALOG, [run_file(place, "a.yaml"), run_file(place, "b.yaml")], as_json=False)
    assert [line for line in text.splitlines() if line.startswith("run ")] == [
        f"run 'small' ({tmp_path / name}), results in {place.results} (not there yet)" for name in ("a.yaml", "b.yaml")
    ]
    command = [sys.executable, "-m", "stylenat", "status"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.startswith("run 'demo' (")
    assert done.stderr == ""


@pytest.mark.parametrize("text", ["run: {", "run: x\nmeasure: []", None])
def test_a_faulty_run_file_is_one_line(tmp_path, text):
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"run\.yaml"):
        stage.run(CATALOG, [path], as_json=False)


def test_nothing_is_written(place):
    place.run_folder("a" * 12, seen=[64], speed=1.0, states=[64], lease=LEASE)
    place.measured("fid-demo", MODEL)
    for folder in [path for path in place.results.rglob("*") if path.is_dir()]:
        os.utime(folder, (NOW, NOW))
    before = {path: path.stat().st_mtime_ns for path in place.results.rglob("*")}
    place.status()
    assert {path: path.stat().st_mtime_ns for path in place.results.rglob("*")} == before


def test_status_needs_neither_torch_nor_snakemake(place):
    code = (
        "import sys; from stylenat.cli import main; main(sys.argv[1:]);"
        "print([name for name in ('torch', 'snakemake', 'numpy', 'pandas') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "status", str(run_file(place)), str(ROOT / "config/paper.yaml")]
    done = subprocess.run(command, cwd=place.results.parent, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3700, "1 h 1 min"), (86400, "1 d"), (300_000, "3 d 11 h")],
)
def test_a_duration_has_two_units(seconds, words):
    assert stage.duration(seconds) == words


@pytest.mark.parametrize(("text", "shown"), [("a\n b\t", "a b"), ("\x1b[31mred", "?[31mred"), (7, ""), (None, "")])
def test_foreign_words_become_one_printable_line(text, shown):
    assert one_line(text) == shown
