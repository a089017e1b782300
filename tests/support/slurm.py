"""A cluster of one node for a test session, and Snakemake on it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).parents[1] / "slurm"
BIN = Path(sys.executable).parent
# Looks come soon after submission, and files of this machine are there at once.
HASTE = ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10")


class Job(NamedTuple):
    number: int
    state: str
    rule: str


class Cluster:
    """The cluster in `folder`; to be stopped whatever happens."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin"}

    def up(self):
        """Start it; empty, or why it can't be."""
        self._guard()
        done = subprocess.run([SCRIPTS / "up.sh", self.folder], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def _guard(self):
        """A process that outlives this one, however that ends, and then stops the cluster."""
        wait = f"while kill -0 {os.getpid()} 2>/dev/null; do sleep 1; done"
        command = ["sh", "-c", f'{wait}; exec "$0" "$1"', SCRIPTS / "down.sh", self.folder]
        nowhere = subprocess.DEVNULL
        subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)

    def down(self):
        subprocess.run([SCRIPTS / "down.sh", self.folder], check=False)

    def ask(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    def jobs(self, rule="train", after=0):
        """The jobs of a rule, in their order."""
        lines = self.ask("squeue", "-h", "-t", "all", "-o", "%A|%T|%k").splitlines()
        found = [Job(int(number), state, rule) for number, state, rule in (line.split("|") for line in lines)]
        return sorted(job for job in found if job.number > after and job.rule.startswith(f"rule_{rule}"))

    def last(self):
        return max((job.number for job in self.jobs("")), default=0)

    def start(self, folder, *arguments):
        """Snakemake with the profile for SLURM, in a session of its own."""
        command = [BIN / "snakemake", *arguments, "--workflow-profile", "slurm", *HASTE]
        with open(folder / "main.txt", "a") as messages:
            main = subprocess.Popen(
                command, cwd=folder, env=self.environment, stdout=messages, stderr=messages, start_new_session=True
            )
        with open(self.folder / "run/mains", "a") as mains:  # to be ended with the cluster
            print(main.pid, file=mains)
        return main


def wait_for(condition, seconds):
    """What `condition` gives, as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.5)
    return found
