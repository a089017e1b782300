"""Trainings in processes of their own, to be stopped in every way; small networks on random images."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.killing import bytes_of

TESTS = Path(__file__).parents[1]

# A training as the command line runs it, with its exit statuses; each file of a state takes a while to write, as on a
# slow disk, so that a kill may fall between two of them.
RUN = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from stylenat.core.errors import InputError, Unfinished
from stylenat.core.registry import load_family
from stylenat.training import lease, memory, state, stopping
from stylenat.training.group import join
from stylenat.training.loop import Recipe, train
from support import training
options = json.loads(sys.argv[2])
memory.available = lambda device: 2**40
write, delay = state._write_tensors, options.get("write_seconds", 0)
state._write_tensors = lambda *parts: (time.sleep(delay), write(*parts))
lease.Lease.__init__.__defaults__ = (options.get("beat_seconds", lease.BEAT_SECONDS), lease.STALE_SECONDS)
stopping.BURST_SECONDS = options.get("burst_seconds", stopping.BURST_SECONDS)
family = training.Family() if options["family"] == "toy" else load_family(options["family"])
images = training.Noise(resolution=options.get("resolution", 8))
recipe = Recipe(family, options["arch"], training.card(**options["card"]), images, flips=True)
limit = options.get("seconds")
print("ready", flush=True)
try:
    with join(torch.device("cpu")) as (group, device):
        deadline = None if limit is None else time.monotonic() + limit
        train(recipe, Path(sys.argv[1]), device, group=group, deadline=deadline)
except InputError as error:
    sys.exit(f"stylenat: error: {{error}}")
except Unfinished as stop:
    print(f"stylenat: unfinished: {{stop}}", file=sys.stderr)
    sys.exit(75)
"""

SMALL = {
    "toy": {"family": "toy", "arch": {"width": 8}, "card": {}},
    "stylenat": {
        "family": "stylenat.network",
        "arch": {
            "resolution": 16,
            "max_channels": 16,
            "style_dim": 16,
            "mapping_layers": 2,
            "kernel_sizes": [3, 7, 7],
            "dilations": [[1], [1], [1, 2]],
        },
        "resolution": 16,
        "card": {"total_nimg": 96, "lr_decay_start_nimg": 48, "state_nimg": 8},
    },
    "stylegan2": {
        "family": "baselines.stylegan2",
        "arch": {"resolution": 16, "channel_max": 16, "z_dim": 16, "w_dim": 16},
        "resolution": 16,
        "card": {
            "total_nimg": 96,
            "lr_decay_start_nimg": 48,
            "state_nimg": 8,
            "objective": {"r1_gamma": 1, "r1_interval": 4, "path_length_interval": 2},
        },
    },
}


def start(rundir, name, processes=1, card=None, **options):
    """A training of the small network `name`; its standard error is in a file beside `rundir`."""
    rundir = Path(rundir)
    rundir.parent.mkdir(parents=True, exist_ok=True)
    script = rundir.with_suffix(".py")
    script.write_text(RUN.format(tests=str(TESTS)))
    chosen = {**SMALL[name], **options, "card": {**SMALL[name]["card"], **(card or {})}}
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [*launcher, str(script), str(rundir), json.dumps(chosen)]
    with open(rundir.with_suffix(".err"), "a") as errors:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )


def ready(process):
    """Wait until the process has imported everything."""
    assert process.stdout.readline() == b"ready\n"
    return process


def errors_of(rundir):
    return Path(rundir).with_suffix(".err").read_text()


def finished(rundir, name, **options):
    """The exit status of a training that nothing stops."""
    return start(rundir, name, **options).wait()


def lasting(rundir):
    """What must have the same bits however often a run was stopped: the newest state and the log."""
    newest = max((Path(rundir) / "state").glob("[0-9]*"))
    return bytes_of(newest) | {"name": newest.name, "log": (Path(rundir) / "log.jsonl").read_bytes()}


def lines_of(rundir):
    """The log as it is now."""
    path = Path(rundir) / "log.jsonl"
    return path.read_text().splitlines() if path.is_file() else []
