"""How far a training is, by the folders that it left."""

import json
import os
from dataclasses import asdict

import pytest
import torch
from support.results_folder import CATALOG, LEASE, MODEL, NOW, OTHER, TOTAL, Place, counts, row_of, run_file
from support.training import ARCH, Family, Noise, card

from stylenat.core import rundir
from stylenat.core.reading import Reader
from stylenat.core.run_folders import read_folder
from stylenat.stages import status as stage
from stylenat.training.lease import Lease
from stylenat.training.loop import Recipe, train


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


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
