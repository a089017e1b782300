"""A training told to stop: the step ends, the state is written, the status says that there is more to do."""

import json
import signal
import time

import pytest
from support import trainings
from support.killing import wait_until

LONG = {"total_nimg": 800, "lr_decay_start_nimg": None, "state_nimg": 80, "log_nimg": 8}


def nimg_of(rundir):
    found = sorted(path.name for path in (rundir / "state").iterdir() if path.name.isdigit())
    return int(found[-1]) if found else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    rundir = tmp_path_factory.mktemp("whole") / "run"
    assert trainings.finished(rundir, "toy", card=LONG) == 0
    return trainings.lasting(rundir)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_the_step_writes_the_state_and_asks_to_go_on(tmp_path, whole, number):
    rundir = tmp_path / "run"
    process = trainings.ready(trainings.start(rundir, "toy", card=LONG))
    wait_until(lambda: (rundir / "log.jsonl").is_file(), seconds=60)
    process.send_signal(number)
    assert process.wait() == 75
    stopped = nimg_of(rundir)
    assert 0 < stopped < 800
    line = trainings.errors_of(rundir).splitlines()[-1]
    assert line.startswith(
        f"stylenat: unfinished: {number.name} came at {stopped} of 800 images; run again to go on from"
    )
    assert trainings.finished(rundir, "toy", card=LONG) == 0
    assert trainings.lasting(rundir) == whole


def test_the_time_allowed_is_kept_and_each_run_gets_on(tmp_path, whole):
    rundir, card = tmp_path / "run", LONG
    statuses, seen = [], [0]
    while not statuses or statuses[-1] == 75:
        started = time.monotonic()
        process = trainings.ready(trainings.start(rundir, "toy", card=card, seconds=5))
        statuses.append(process.wait())
        seen.append(nimg_of(rundir))
        assert time.monotonic() - started < 60
        assert seen[-1] > seen[-2]
    assert statuses[-1] == 0
    assert trainings.lasting(rundir) == whole


def test_a_limit_too_short_for_a_step_still_gets_on(tmp_path):
    rundir = tmp_path / "run"
    assert trainings.finished(rundir, "toy", card=LONG, seconds=0.001) == 75
    assert nimg_of(rundir) == 4
    assert "the time allowed is nearly over at 4 of 800 images" in trainings.errors_of(rundir)


def test_a_second_signal_ends_the_process_at_once_and_the_older_state_is_whole(tmp_path, whole):
    rundir = tmp_path / "run"
    process = trainings.ready(trainings.start(rundir, "toy", card=LONG, write_seconds=1, burst_seconds=0))
    wait_until(lambda: rundir.is_dir() and any((rundir / "state").glob("[0-9]*")), seconds=60)
    kept = nimg_of(rundir)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: any((rundir / "state").glob(".*.tmp")), seconds=20)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == -signal.SIGTERM
    assert nimg_of(rundir) == kept
    assert trainings.finished(rundir, "toy", card=LONG) == 0
    assert trainings.lasting(rundir) == whole


def test_a_signal_told_twice_is_one_signal(tmp_path):
    rundir = tmp_path / "run"
    process = trainings.ready(trainings.start(rundir, "toy", card=LONG, write_seconds=0.2))
    wait_until(lambda: (rundir / "log.jsonl").is_file(), seconds=60)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: any((rundir / "state").glob(".*.tmp")), seconds=20)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 75
    assert nimg_of(rundir) > 0


def test_the_log_of_a_stopped_run_is_plain_lines(whole):
    assert [json.loads(line)["nimg"] for line in whole["log"].splitlines()] == list(range(8, 801, 8))
