"""kill -9 at any moment: the next run goes on, and the set is the same to the bit."""

import random
import time

import pytest
from support.killing import bytes_of, children_of, kill, make_world, start, wait_until

from stylenat.data.checklist import read_checklist
from stylenat.data.manifest import read_manifest
from stylenat.data.prepare import write_prepared
from stylenat.data.sources import open_source


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("killed")
    return root, *make_world(root)


@pytest.mark.parametrize(("kills", "stages"), [(6, 1), pytest.param(20, 3, marks=pytest.mark.long)])
def test_a_prepare_killed_again_and_again_ends_in_the_same_bytes(world, kills, stages):
    root, card, raw, listing, seconds = world
    out = root / f"killed-{kills}" / "manifest.json"
    rng, hit, written = random.Random(5), 0, []
    for number in range(kills):
        process = start(card, raw, listing, out, workers=1 + number % 4 // 3)
        if number % 4 == 3:
            wait_until(lambda process=process: len(children_of(process)) >= 2)
            time.sleep(0.5)  # what two processes take to begin
        time.sleep(rng.uniform(0, 0.12 * seconds))
        hit += kill(process)
        written.append(len(list((out.parent / "shards").glob("shard-*.npy"))))
        if out.exists():  # it ended before the kill: begin anew
            out.unlink()
            for path in (out.parent / "shards").iterdir():
                path.unlink()
    assert hit >= kills * 3 / 4
    assert len(set(written)) >= stages  # the kills fell into different stages of the work
    assert start(card, raw, listing, out).wait() == 0
    assert bytes_of(out.parent) == bytes_of(root / "whole")
    assert read_manifest(out).fingerprint == read_manifest(root / "whole" / "manifest.json").fingerprint


def test_the_whole_set_is_what_this_process_makes_of_it(world, monkeypatch):
    root, card, raw, listing, _ = world
    monkeypatch.setattr("stylenat.data.shards.SHARD_IMAGES", 8)
    found = write_prepared(open_source(raw), card, root / "here" / "manifest.json", read_checklist(listing))
    assert found == read_manifest(root / "whole" / "manifest.json")
