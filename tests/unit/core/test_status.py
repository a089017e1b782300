"""What `status` counts in results folders built by hand: whole ones, half-written ones, foreign ones and none."""

import os
from dataclasses import asdict

import pytest
from support.results_folder import CATALOG, MODEL, OTHER, Place, counts

from stylenat.core import reading
from stylenat.core.errors import InputError
from stylenat.core.targets import targets


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


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
