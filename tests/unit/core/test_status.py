"""What `status` says of results folders built by hand: whole ones, half-written ones, foreign ones and none."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch
from support.training import ARCH, Family, Noise, card

from stylenat.core import reading, rundir
from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.plan import make_plan
from stylenat.core.reading import Reader, one_line
from stylenat.core.registry import ROOT
from stylenat.core.run_folders import read_folder
from stylenat.core.status import status_of
from stylenat.core.survey import STATES
from stylenat.core.targets import targets
from stylenat.stages import status as stage
from stylenat.training.lease import Lease
from stylenat.training.loop import Recipe, train

CATALOG = Catalog(ROOT / "config")
MODEL, OTHER = "stylenat-demo-32", "stylegan2-demo-32"
NOW = 1_800_000_000.0
TOTAL = CATALOG.training(MODEL).total_nimg
LEASE = {"host": "node7", "pid": 1234, "job": "42", "token": "t"}


class Place:
    """A run of two trained models and a control, and its results folder."""

    def __init__(self, folder):
        self.results = folder / "results"
        self.card = {
            "run": "small",
            "title": "A small run",
            "demo": True,
            "results": str(self.results),
            "measure": [
                {"models": [MODEL, "real-photographs-32"], "protocols": ["fid-demo"]},
                {"models": [OTHER], "protocols": ["fid-demo", "parameters", "throughput-demo"]},
            ],
            "claims": ["parameters-256"],
        }
        self.run = Run(CATALOG, self.card)
        self.plan = make_plan(self.run)

    def write(self, path, content):
        """A file; a mapping becomes JSON."""
        file = self.results / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        return file

    def make(self, target):
        for path in target.products:
            if target.kind == "folder":
                (self.results / path).mkdir(parents=True)
            else:
                self.write(path, {"records": {}} if target.stage == "measure" else "x")

    def measured(self, protocol, model, listed=True):
        """The records of one job, and the list of them."""
        found = [r.path for r in self.plan.records if (r.protocol, r.model) == (protocol, model)]
        for path in found:
            self.write(path, {})
        if listed:
            names = {path.rpartition("/")[2]: "0" * 64 for path in found}
            self.write(f"measure/{protocol}/{model}/records.json", {"schema_version": 1, "records": names})
        return found

    def run_folder(self, digest, model=MODEL, seen=(), speed=None, states=(), lease=None, age=0.0, touched=0.0, **how):
        """A run's folder as a trainer leaves it; `how` changes its recipe."""
        folder, options = f"train/{model}/run/{digest}", options_of(model)
        for key, value in how.items():
            (options if key in options else options["training"])[key] = value
        self.write(f"{folder}/training_options.json", options)
        log = self.write(f"{folder}/log.jsonl", "".join(json.dumps({"nimg": n, "step": 1}) + "\n" for n in seen))
        os.utime(log, (NOW - touched, NOW - touched))
        if speed is not None:
            lines = [{"nimg": n, "seconds": 2.0, "images_per_second": speed} for n in seen]
            self.write(f"{folder}/timing.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        for nimg in states:
            (self.results / folder / "state" / f"{nimg:012d}").mkdir(parents=True)
        if lease is not None:
            os.utime(self.write(f"{folder}/lease.json", lease), (NOW - age, NOW - age))
        return folder

    def status(self):
        return status_of(self.run, NOW)

    def training(self, model=MODEL):
        return next(one for one in self.status().trainings if one.model == model)


def options_of(model):
    """What a trainer writes of its recipe."""
    found = CATALOG.model(model)
    recipe = Recipe(Family(), found.arch, CATALOG.training(found.weights.train), Noise(), flips=True)
    flips = CATALOG.dataset(found.dataset).flips and recipe.card.flips
    return json.loads(json.dumps(recipe.options() | {"flips": flips}))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def counts(status, stage):
    return {state: n for state, n in status.stages[stage].items() if n}


def test_without_a_results_folder_everything_waits_and_nothing_is_made(place, tmp_path):
    status = place.status()
    assert not status.results_exist
    assert all(set(found) == {"waiting"} for found in (counts(status, name) for name in status.stages))
    assert status.stages["measure"]["waiting"] == len(place.plan.records)
    assert [one.model for one in status.trainings] == [OTHER, MODEL]
    assert (status.failed, status.unreadable) == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_a_whole_run_is_done_and_leaves_nothing(place):
    for target in targets(place.run, place.plan):
        place.make(target)
    for record in place.plan.records:
        place.measured(record.protocol, record.model)
    status = place.status()
    assert all(set(found) == {"done"} for found in (counts(status, name) for name in status.stages))
    assert status.stages["measure"]["done"] == len(place.plan.records)
    assert (status.trainings, status.failed, status.unreadable) == ([], [], [])


def test_each_stage_counts_its_own_products(place):
    """A single product makes exactly one job done; a job of two products needs both."""
    for target in targets(place.run, place.plan):
        if target.stage != "measure":
            before = place.status().stages[target.stage]["done"] or 0
            for path in target.products:
                assert place.status().stages[target.stage]["done"] == before
                place.write(path, "x") if target.kind == "file" else (place.results / path).mkdir(parents=True)
            assert place.status().stages[target.stage]["done"] == before + 1


def test_only_of_trainings_it_is_known_that_they_run(place):
    running = {stage: counts["running"] for stage, counts in place.status().stages.items()}
    assert {stage for stage, count in running.items() if count is not None} == {"train"}


TRACEBACK = "Traceback (most recent call last):\n  File \"x\", line 1, in f\nKeyError: 'x'\n"


@pytest.mark.parametrize(
    ("log", "state", "reason"),
    [
        ("", "begun", None),
        ("a line\nanother\n", "begun", None),
        ("stylenat: error: no such file\n", "failed", "no such file"),
        ("stylenat: error: one of many\nstill at work\n", "begun", None),
        ("stylenat: unfinished: SIGTERM came\n", "begun", None),
        (TRACEBACK, "failed", "KeyError: 'x'"),
        ("stylenat: error: not finite\nstylenat: error: of 2 processes, 1 failed; see above\n", "failed", "not finite"),
        (b"\xff\xfe\x00\x1b[2J\n", "begun", None),
    ],
)
@pytest.mark.parametrize("job", ["prepare/photographs-32", f"train/{MODEL}", "judge/parameters-256"])
def test_a_job_without_products_is_told_by_its_log(place, job, log, state, reason):
    place.write(f"logs/{job}.log", log)
    status, stage_name = place.status(), job.split("/")[0]
    assert counts(status, stage_name).pop(state) == 1
    assert [(f"{one.stage}/{one.name}", one.reason) for one in status.failed] == ([(job, reason)] if reason else [])


def test_a_record_is_done_once_it_is_listed(place):
    made = place.measured("fid-demo", MODEL, listed=False)
    assert counts(place.status(), "measure")["begun"] == len(made) > 1
    place.measured("fid-demo", MODEL)
    assert counts(place.status(), "measure")["done"] == len(made)
    (place.results / made[0]).unlink()
    place.write(f"logs/measure/fid-demo/{MODEL}.log", "")
    assert counts(place.status(), "measure") == {
        "done": len(made) - 1,
        "waiting": len(place.plan.records) - len(made) + 1,
    }


def test_failed_measurements_give_their_reasons(place):
    """What is missing beside them has not been tried yet; the job's own error says nothing more."""
    made = place.measured("fid-demo", MODEL, listed=False)
    for path in made[:2]:
        (place.results / path).unlink()
    failed = made[0].replace(".json", ".failed.json")
    place.write(failed, {"status": "failed", "reason": "no\x1b[2J memory\nleft"})
    place.write(f"logs/measure/fid-demo/{MODEL}.log", "stylenat: error: 1 of 3 measurements failed\n")
    status = place.status()
    assert [asdict(one) for one in status.failed] == [
        {
            "stage": "measure",
            "name": made[0].removeprefix("measure/").removesuffix(".json"),
            "reason": "no?[2J memory left",
        }
    ]
    assert counts(status, "measure") == {
        "begun": len(made) - 2,
        "failed": 1,
        "waiting": len(place.plan.records) - len(made) + 1,
    }


def test_a_measuring_job_that_failed_before_its_first_record_is_one_failure(place):
    place.write(f"logs/measure/fid-demo/{MODEL}.log", "stylenat: error: no statistics\n")
    status = place.status()
    assert [(one.name, one.reason) for one in status.failed] == [(f"fid-demo/{MODEL}", "no statistics")]
    assert counts(status, "measure")["failed"] == len(CATALOG.protocol("fid-demo").seeds)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "its record can't be read: found no JSON mapping"),
        (b"\xff\x00", "its record can't be read: found no JSON mapping"),
        ("[" * 100_000, "its record can't be read: found no JSON mapping"),
        ("[]", "its record can't be read: found no JSON mapping"),
        ({}, "its record gives no reason"),
        ({"reason": {"a": 1}}, "its record gives no reason"),
        ({"reason": "\ud800"}, "?"),
        ({"reason": "long " * 1000}, ("long " * 1000)[:497] + "..."),
    ],
)
def test_a_failed_record_that_says_nothing_is_a_failure_still(place, content, reason):
    place.write(f"measure/fid-demo/{MODEL}/photographs-32-seed0.failed.json", content)
    assert [one.reason for one in place.status().failed] == [reason]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"records": []}', '{"schema_version": 1}', b"\x80"])
def test_a_list_that_can_not_be_read_lists_nothing_and_is_named(place, content):
    made = place.measured("fid-demo", MODEL)
    place.write(f"measure/fid-demo/{MODEL}/records.json", content)
    status = place.status()
    assert counts(status, "measure")["begun"] == len(made)
    assert [one.path for one in status.unreadable] == [f"measure/fid-demo/{MODEL}/records.json"]


def test_what_lies_in_a_file_s_place_is_no_product_and_never_opened(place):
    folder = place.results / "measure/fid-demo" / MODEL
    folder.mkdir(parents=True)
    run = place.results / place.run_folder("a" * 12)
    (run / "log.jsonl").unlink()
    for path in (folder / "records.json", run / "log.jsonl", run / "timing.jsonl", run / "lease.json"):
        os.mkfifo(path)  # to open one would wait for ever
    (place.results / "prepare/photographs-32/manifest.json").mkdir(parents=True)
    place.write("features", "a file")
    (place.results / "report").mkdir()
    (place.results / "report/report.html").symlink_to("nowhere")
    status = place.status()
    assert not any(found["done"] for found in status.stages.values())
    assert {one.reason for one in status.unreadable} == {"Not a directory"}
    assert all(one.path.startswith("features/") for one in status.unreadable)


def test_what_may_not_be_read_is_named(place, monkeypatch):
    """Root may read everything, so that the refusals are made up here."""
    listed = f"measure/fid-demo/{MODEL}/records.json"
    place.measured("fid-demo", MODEL)
    refused = [place.results / "judge", place.results / listed]

    def refusing(function):
        def refuse(path, *rest):
            if path in refused:
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *rest)

        return refuse

    monkeypatch.setattr(os, "scandir", refusing(os.scandir))
    monkeypatch.setattr(reading, "open", refusing(open), raising=False)
    found = [(one.path, one.reason) for one in place.status().unreadable]
    assert found == [("judge", "Permission denied"), (listed, "Permission denied")]


def test_a_folder_is_listed_once_and_no_record_is_opened(place, monkeypatch):
    """On a shared file system each of these is a request to a server."""
    for record in place.plan.records:
        place.measured(record.protocol, record.model)
    listings, opened = [], []

    def noting(function, paths):
        def note(path, *rest):
            paths.append(path)
            return function(path, *rest)

        return note

    monkeypatch.setattr(os, "scandir", noting(os.scandir, listings))
    monkeypatch.setattr(reading, "open", noting(open, opened), raising=False)
    place.status()
    assert len(listings) == len(set(listings)) > 0
    assert {path.name for path in opened} == {"records.json"}


def test_a_results_folder_that_is_a_file_is_the_user_s_error(place):
    place.results.write_text("")
    with pytest.raises(InputError, match="found a file, expected a folder"):
        place.status()


def test_a_training_at_work(place):
    folder = place.run_folder("a" * 12, seen=[64, 128, 320], speed=8.0, states=[320], lease=LEASE, age=12.0)
    found = place.training()
    assert (found.state, found.folder, found.images_seen, found.images_total) == ("running", folder, 320, TOTAL)
    assert asdict(found.trainer) == {
        "heartbeat": "fresh", "age_seconds": 12.0, "host": "node7", "pid": 1234, "job": "42",
    }  # fmt: skip
    assert found.images_per_second_estimate == 8.0
    assert found.seconds_left_estimate == (TOTAL - 320) / 8.0
    assert counts(place.status(), "train") == {"running": 1, "waiting": 1}
    assert "process 1234 on node7, job 42, lease touched" in stage.run(CATALOG, [run_file(place)], as_json=False)


@pytest.mark.parametrize(
    ("age", "heartbeat"),
    [(-500.0, "fresh"), (0.0, "fresh"), (rundir.STALE_SECONDS, "fresh"), (rundir.STALE_SECONDS + 1, "stale")],
)
def test_a_lease_grows_stale(place, age, heartbeat):
    place.run_folder("a" * 12, seen=[64], lease=LEASE, age=age)
    found = place.training()
    assert found.trainer.heartbeat == heartbeat
    assert found.state == {"fresh": "running", "stale": "begun"}[heartbeat]


def test_a_stopped_training_goes_on_from_its_newest_state(place):
    """What was seen after it will be seen again."""
    place.run_folder("a" * 12, seen=[320, 640], speed=10.0, states=[64, 320], lease=LEASE, age=1e4)
    found = place.training()
    assert (found.state, found.images_seen, found.newest_state_images) == ("begun", 640, 320)
    assert found.seconds_left_estimate == (TOTAL - 320) / 10.0


def test_what_is_no_state_is_not_gone_on_from(place):
    folder = place.run_folder("a" * 12, seen=[64], speed=10.0)
    for name in ("notes", ".000000000320.x.tmp", "\u00b2", "9" * 40):
        (place.results / folder / "state" / name).mkdir(parents=True)
    found = place.training()
    assert (found.newest_state_images, found.seconds_left_estimate) == (None, TOTAL / 10.0)


def test_a_training_that_failed_says_why_until_another_trainer_is_at_work(place):
    place.write(f"logs/train/{MODEL}.log", "stylenat: error: a loss is not finite\n")
    place.run_folder("a" * 12, seen=[64])
    assert (place.training().state, [one.reason for one in place.status().failed]) == (
        "failed",
        ["a loss is not finite"],
    )
    place.run_folder("a" * 12, seen=[64], lease=LEASE)
    assert (place.training().state, place.status().failed) == ("running", [])


def test_a_training_with_nothing_left_but_its_snapshot(place):
    place.run_folder("a" * 12, seen=[TOTAL], speed=10.0, states=[TOTAL], lease=LEASE)
    assert place.training().seconds_left_estimate == 0
    for path in ("snapshot.safetensors", "history.jsonl"):
        assert MODEL in [one.model for one in place.status().trainings]
        place.write(f"train/{MODEL}/{path}", "x")
    assert [one.model for one in place.status().trainings] == [OTHER]


def test_of_several_runs_the_one_at_work_is_shown(place):
    place.run_folder("a" * 12, seen=[64], touched=50.0)
    place.run_folder("b" * 12, seen=[128], touched=10.0)
    assert place.training().folder.endswith("b" * 12)
    place.run_folder("a" * 12, seen=[64], touched=50.0, lease=LEASE, age=30.0)
    place.run_folder("b" * 12, seen=[128], touched=10.0, lease=LEASE, age=1e5)
    found = place.training()
    assert (found.folder[-1], found.images_seen, found.state) == ("a", 64, "running")
    assert found.notes == [f"2 run folders fit the cards, 1 with a trainer; shown is train/{MODEL}/run/{'a' * 12}"]


@pytest.mark.parametrize(
    "how",
    [{"batch_size": 16}, {"seed": 1}, {"objective": {}}, {"arch": {}}, {"flips": None}],
    ids=["batch", "seed", "objective", "arch", "flips"],
)
def test_a_run_of_another_recipe_is_left_aside(place, how):
    place.run_folder("a" * 12, seen=[640], speed=10.0, **how)
    found = place.training()
    assert (found.state, found.images_seen, found.seconds_left_estimate) == ("waiting", 0, None)
    assert found.notes == ["1 run folder of another recipe left aside"]
    place.run_folder("a" * 12, lease=LEASE, **how)
    place.run_folder("b" * 12, seen=[64])
    found = place.training()
    assert (found.folder[-1], found.images_seen) == ("b", 64)
    assert found.notes == [f"a trainer of another recipe is at work in train/{MODEL}/run/{'a' * 12}"]


def test_what_decides_no_weights_is_no_other_recipe(place):
    place.run_folder("a" * 12, seen=[640], note="another note", log_nimg=8, hardware="another")
    assert place.training().images_seen == 640


@pytest.mark.parametrize(
    ("log", "seen"),
    [
        ('{"nimg": 64}\n{"nimg": 12', 64),
        ('{"nimg": 64}\n\n[1]\n{"step": 2}\n{"nimg": "128"}\n{"nimg": true}\n{"nimg": -1}\n{"nimg": 1e3}\n', 64),
        ('{"nimg": 64}\n{"nimg": 1' + "0" * 5000 + "}\n", 64),
        ('{"nimg": 64}\n{"nimg": NaN}\n' + "[" * 50_000 + "\n", 64),
        (b"\xff\xfe\x00 no log\n", 0),
        ("".join(f'{{"nimg": {n}, "text": "{"x" * 200}"}}\n' for n in range(5000)), 4999),
        ("", 0),
    ],
)
def test_a_log_s_last_whole_line_counts(place, log, seen):
    folder = place.run_folder("a" * 12)
    place.write(f"{folder}/log.jsonl", log)
    place.write(f"{folder}/timing.jsonl", log)
    found = place.training()
    assert (found.images_seen, found.images_per_second_estimate, found.seconds_left_estimate) == (seen, None, None)


@pytest.mark.parametrize("seconds", ["0", "-1", "NaN", "1e999", "null", '"1"', "true", "1" + "0" * 400])
def test_a_time_that_can_not_be_gives_no_speed(place, seconds):
    folder = place.run_folder("a" * 12, seen=[64])
    place.write(f"{folder}/timing.jsonl", f'{{"nimg": 64, "seconds": {seconds}, "images_per_second": 5.0}}\n')
    assert place.training().images_per_second_estimate is None
    text = stage.run(CATALOG, [run_file(place)], as_json=False)
    assert row_of(text, MODEL) == ["begun", "64", f"{TOTAL:,}", "5.0%", "unknown", "unknown"]


def test_the_speed_is_that_of_the_last_lines_by_their_times(place):
    folder = place.run_folder("a" * 12)
    old = [{"nimg": 1, "seconds": 1000.0, "images_per_second": 1.0}] * 50
    new = [{"nimg": 2, "seconds": 3.0, "images_per_second": 10.0}, {"nimg": 3, "seconds": 1.0, "images_per_second": 30}]
    place.write(f"{folder}/timing.jsonl", "".join(json.dumps(line) + "\n" for line in old + new * 5))
    assert place.training().images_per_second_estimate == 15.0


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"host": [1], "pid": "x", "job": null}', b"\xff", '{"pid": 1e400}']
)
def test_a_lease_that_says_nothing_is_a_trainer_still(place, content):
    place.run_folder("a" * 12, seen=[64], lease=content)
    found = place.training()
    assert (found.state, found.trainer.host, found.trainer.pid, found.trainer.job) == ("running", "", None, "")
    assert "process unknown on an unknown machine, lease" in stage.run(CATALOG, [run_file(place)], as_json=False)


@pytest.mark.parametrize("content", ["{", "[]", '{"training": 3}', '{"training": {}, "arch": null}', b"\x00\xff", None])
def test_a_folder_without_options_is_no_run_of_this_recipe(place, content):
    folder = place.run_folder("a" * 12, seen=[64])
    (place.results / folder / "training_options.json").unlink()
    if content is not None:
        place.write(f"{folder}/training_options.json", content)
    place.write(f"train/{MODEL}/run/notes.txt", "no folder")
    assert place.training().notes == ["1 run folder of another recipe left aside"]


def test_the_folder_of_a_real_training_is_read(tmp_path):
    recipe = Recipe(Family(), ARCH, card(), Noise(), flips=True)
    torch.manual_seed(0)
    trainer = train(recipe, tmp_path / "run", torch.device("cpu"), stop_at_nimg=40)
    lease = Lease(tmp_path / "run")
    lease.take()
    try:
        found = read_folder("run", Reader(tmp_path), lease.path.stat().st_mtime + 5)
    finally:
        lease.give_back()
    assert (found.images_seen, found.newest_state_images) == (trainer.nimg // card().log_nimg * card().log_nimg, 40)
    assert found.images_per_second > 0
    assert (found.trainer.pid, found.trainer.heartbeat, found.trainer.age_seconds) == (os.getpid(), "fresh", 5.0)
    assert not read_folder("run", Reader(tmp_path), NOW).at_work


def row_of(text, first):
    """The words of the table's row that begins so, without the first."""
    return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == [first])


def run_file(place, name="small.yaml"):
    path = place.results.parent / name
    path.write_text(json.dumps(place.card))
    return path


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
