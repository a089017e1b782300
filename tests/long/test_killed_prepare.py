"""kill -9 at twenty moments, each of a prepare of its own: after each, running again ends in the same set."""

import random
import time

import pytest
from support.killing import bytes_of, children_of, kill, make_world, start, wait_until


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_after_each_kill_the_next_run_ends_in_the_same_bytes(tmp_path, workers):
    card, raw, listing, seconds = make_world(tmp_path)
    expected = bytes_of(tmp_path / "whole")
    rng, hit = random.Random(workers), 0
    for number in range(20):
        out = tmp_path / str(number) / "manifest.json"
        process = start(card, raw, listing, out, workers)
        if workers > 1:
            wait_until(lambda process=process, workers=workers: len(children_of(process)) >= workers)
            time.sleep(0.4)  # what the processes take to begin
        time.sleep(rng.uniform(0, 0.7 * seconds / workers))
        hit += kill(process)
        assert start(card, raw, listing, out, workers).wait() == 0
        assert bytes_of(out.parent) == expected
    assert hit >= 12
