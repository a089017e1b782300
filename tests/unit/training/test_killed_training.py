"""kill -9 between steps and inside the writing of a state: the run ends with the same bits."""

import random
import time

from support import trainings
from support.killing import wait_until

CARD = {"total_nimg": 400, "lr_decay_start_nimg": 200, "state_nimg": 40, "log_nimg": 8}


def test_a_training_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    whole, rundir = tmp_path / "whole" / "run", tmp_path / "run"
    assert trainings.finished(whole, "toy", card=CARD) == 0
    rng, in_write = random.Random(0), 0
    for number in range(5):
        process = trainings.ready(trainings.start(rundir, "toy", card=CARD, write_seconds=0.2))
        if number % 2:
            time.sleep(rng.uniform(0, 1))
        else:
            folder = rundir / "state"
            wait_until(lambda folder=folder: any(folder.glob(".*.tmp/[a-z]*")), seconds=60)
        assert process.poll() is None
        in_write += any((rundir / "state").glob(".*.tmp"))
        process.kill()
        process.wait()
    assert in_write >= 3
    assert trainings.finished(rundir, "toy", card=CARD) == 0
    assert trainings.lasting(rundir) == trainings.lasting(whole)
    assert not list((rundir / "state").glob(".*"))
