"""The lease of a run's folder: who holds it, when it is over, and what a second trainer does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from support import trainings
from support.killing import wait_until

from stylenat.core.errors import Unfinished
from stylenat.training import lease as module
from stylenat.training.group import Group
from stylenat.training.lease import Lease, alone

LONG = {"total_nimg": 2000, "lr_decay_start_nimg": None, "state_nimg": 80, "log_nimg": 8}


def written(folder, **changes):
    """A lease that another trainer of this machine holds, who lives."""
    other = Lease(folder)
    parent = os.getppid()
    other.own |= {"pid": parent, "started": module._started(parent), **changes}
    other.path.parent.mkdir(parents=True, exist_ok=True)
    other.path.write_text(json.dumps(other.own))
    return other


def aged(lease, seconds):
    then = time.time() - seconds
    os.utime(lease.path, (then, then))


def test_one_holds_it_and_gives_it_back(tmp_path):
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.take() == ""
    assert second.take() == f"process {os.getpid()} on {socket.gethostname()}"
    second.give_back()
    assert json.loads(first.path.read_text())["token"] == first.own["token"]
    first.give_back()
    assert list(tmp_path.iterdir()) == []
    assert second.take() == ""
    second.give_back()


@pytest.mark.parametrize(
    ("changes", "age", "over"),
    [
        ({}, 1e6, False),  # alive on this machine, however old the file
        ({"started": "1"}, 0, True),  # the process number is another process's now
        ({"host": "elsewhere", "job": "7"}, 100, False),
        ({"host": "elsewhere", "job": "7"}, 140, True),
        ({"boot": "before"}, 0, False),  # this machine was started anew, or another one has its name
        ({"boot": "before"}, 140, True),
        ({"host": "elsewhere", "job": "8"}, 0, True),  # this very job, started again elsewhere
    ],
)
def test_it_is_over_when_its_holder_is_known_to_have_ended(tmp_path, monkeypatch, changes, age, over):
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    aged(written(tmp_path, **{"job": "6", **changes}), age)
    lease = Lease(tmp_path)
    assert bool(lease.take()) is not over
    lease.give_back()
    assert [path.name for path in tmp_path.iterdir()] == ([] if over else [module.NAME])


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    script = f"from stylenat.training.lease import Lease; import pathlib, time; \
        print(repr(Lease(pathlib.Path({str(tmp_path)!r})).take()), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"''\n"
    lease = Lease(tmp_path)
    assert lease.take().startswith(f"process {process.pid} on ")
    process.kill()  # and not waited for: a zombie has ended too
    wait_until(lambda: lease.take() == "", seconds=10)
    process.wait()
    lease.give_back()


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_file_half_written_is_a_holder_until_it_is_old(tmp_path, content):
    lease = Lease(tmp_path)
    lease.path.write_bytes(content)
    assert lease.take() == "process unknown on an unknown machine"
    aged(lease, 140)
    assert lease.take() == ""
    lease.give_back()


def test_it_is_kept_young_and_whoever_loses_it_knows(tmp_path):
    lease = Lease(tmp_path, beat_seconds=0.05)
    lease.take()
    aged(lease, 1000)
    wait_until(lambda: time.time() - lease.path.stat().st_mtime < 100, seconds=10)
    assert lease.lost == ""
    written(tmp_path, host="elsewhere", job="9")
    wait_until(lambda: lease.lost, seconds=10)
    assert lease.lost == f"process {os.getppid()} on elsewhere, job 9"
    lease.give_back()
    assert lease.path.exists()


def test_a_lease_that_changed_hands_meanwhile_is_put_back(tmp_path):
    old = dict(written(tmp_path, host="elsewhere").own)
    new = written(tmp_path, host="third").own
    Lease(tmp_path)._remove(old)
    assert json.loads((tmp_path / module.NAME).read_text()) == new
    assert [path.name for path in tmp_path.iterdir()] == [module.NAME]


def test_waiting_ends_with_the_time_allowed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    written(tmp_path)
    with (
        pytest.raises(Unfinished, match=r"^another trainer is at work in .*; run again to go on from its last state$"),
        alone(tmp_path, Group(), time.monotonic() + 0.3),
    ):
        raise AssertionError("not alone")
    assert capsys.readouterr().err.count("waiting for its end") == 1


def test_a_second_trainer_waits_for_the_first_and_goes_on_from_its_state(tmp_path):
    rundir = tmp_path / "run"
    first = trainings.ready(trainings.start(rundir, "toy", card=LONG))
    wait_until(lambda: (rundir / module.NAME).is_file(), seconds=60)
    second = trainings.ready(trainings.start(rundir, "toy", card=LONG))
    wait_until(lambda: "waiting for its end" in trainings.errors_of(rundir), seconds=60)
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait() == 75
    assert second.wait() == 0
    logged = [json.loads(line)["nimg"] for line in trainings.lines_of(rundir)]
    assert logged == list(range(8, 2001, 8))


def test_a_trainer_whose_lease_was_taken_stops(tmp_path):
    rundir = tmp_path / "run"
    process = trainings.ready(trainings.start(rundir, "toy", card={**LONG, "total_nimg": 400000}, beat_seconds=0.1))
    wait_until(lambda: any((rundir / "state").glob("[0-9]*")), seconds=60)
    written(rundir, host="elsewhere")
    assert process.wait() == 1
    line = trainings.errors_of(rundir).splitlines()[-1]
    assert f"another trainer took {rundir} over: process {os.getppid()} on elsewhere; the last good state is" in line
