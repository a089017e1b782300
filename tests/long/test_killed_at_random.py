"""kill -9 at twenty random moments, states half-written among them: StyleNAT and StyleGAN2 end with the same bits."""

import random
import time

import pytest
from support import trainings
from support.killing import wait_until

SLOW = 0.08  # seconds that each of a state's files takes to write


@pytest.mark.long
@pytest.mark.parametrize("name", ["stylenat", "stylegan2"])
def test_after_twenty_kills_weights_optimisers_and_log_have_the_same_bits(tmp_path, name):
    whole = tmp_path / "whole" / "run"
    assert trainings.finished(whole, name) == 0
    expected, rng, killed, in_write, round_ = trainings.lasting(whole), random.Random(0), 0, 0, 0
    while killed < 20:
        rundir, ended = tmp_path / str(round_) / "run", False
        while not ended and killed < 20:
            process = trainings.ready(trainings.start(rundir, name, write_seconds=SLOW))
            before = len(trainings.lines_of(rundir))
            wait_until(
                lambda rundir=rundir, before=before, process=process: (
                    len(trainings.lines_of(rundir)) > before or process.poll() is not None
                ),
                seconds=120,
            )
            time.sleep(rng.uniform(0, 1.5))
            ended = process.poll() is not None
            if not ended:
                in_write += any((rundir / "state").glob(".*.tmp"))
                killed += 1
                process.kill()
                process.wait()
        assert trainings.finished(rundir, name) == 0
        assert trainings.lasting(rundir) == expected
        round_ += 1
    assert in_write >= 3
