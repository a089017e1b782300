"""The stage `prepare` in a process of its own, to be killed."""

import subprocess
import sys
import time
from pathlib import Path

from support.files import write_official
from support.toys import dataset_card

COUNT, SIDE = 600, 160

# The stage itself, in a process of its own, with shards of 8 images.
RUN = """
import sys
from pathlib import Path
from stylenat.core.cards import DatasetCard
from stylenat.data import shards
from stylenat.stages import prepare
shards.SHARD_IMAGES = 8
card = DatasetCard.model_validate_json(sys.argv[1])
print("ready", flush=True)
prepare.run(card, Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
"""


def start(card, raw, listing, out, workers=1):
    command = [sys.executable, "-c", RUN, card.model_dump_json(), str(raw), str(out), str(listing), str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n", process.stderr.read()
    return process


def status_of(pid):
    """State and parent of a process; None when there is no such process."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return state, int(parent)


def children_of(process):
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if (status_of(pid) or ("", 0))[1] == process.pid]


def lives(pid):
    status = status_of(pid)
    return status is not None and status[0] != "Z"


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_world(root):
    """A released set, its card, and the set prepared without any kill in `root/whole`; gives the seconds that took."""
    raw, listing = write_official(root / "ffhq", COUNT, SIDE)
    card = dataset_card(COUNT, 40, "lanczos")
    started = time.monotonic()
    assert start(card, raw, listing, root / "whole" / "manifest.json").wait() == 0
    return card, raw, listing, time.monotonic() - started


def kill(process):
    """SIGKILL; whether it was still running. Its workers must end with it."""
    was_running = process.poll() is None
    workers = children_of(process)
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(lives, workers)))
    return was_running
