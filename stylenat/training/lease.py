"""One trainer at a time in a run's folder: a file with host, process and job, touched while the trainer lives.

A workflow that was killed leaves its cluster jobs running; started again, it submits the same training once more. The
second trainer then waits for the first one's end, or for its file to grow old, and goes on from its last state.
"""

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylenat.core.errors import Unfinished
from stylenat.core.rundir import LEASE_NAME as NAME
from stylenat.core.rundir import STALE_SECONDS
from stylenat.training.group import Group

BEAT_SECONDS = 15.0
POLL_SECONDS = 5.0


class Lease:
    """The right to train in `folder`: to be taken, kept alive by a thread, and given back.

    `lost` says who else took it, should that happen: to a trainer that was stopped for so long that it seemed dead.
    """

    def __init__(self, folder: Path, beat_seconds: float = BEAT_SECONDS, stale_seconds: float = STALE_SECONDS) -> None:
        self.path, self.beat_seconds, self.stale_seconds = folder / NAME, beat_seconds, stale_seconds
        self.own = {**_identity(), "token": uuid.uuid4().hex}
        self.lost = ""
        self._ended, self._thread = threading.Event(), threading.Thread(target=self._beat, daemon=True)

    def take(self) -> str:
        """Take the lease; empty, or who holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        holder = self._create()
        if holder is None:
            return ""
        if not self._is_over(holder):
            return _words(holder)
        self._remove(holder)
        holder = self._create()
        return "" if holder is None else _words(holder)

    def give_back(self) -> None:
        """End the thread and remove the file, if it is this trainer's."""
        if self._thread.is_alive():
            self._ended.set()
            self._thread.join()
            if not self.lost and self._read().get("token") == self.own["token"]:
                self.path.unlink(missing_ok=True)

    def _create(self) -> Mapping[str, Any] | None:
        """Make the file and start its thread; or what the file of another holds."""
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return self._read()
        with os.fdopen(handle, "w") as file:
            json.dump(self.own, file)
        self._thread.start()
        return None

    def _read(self) -> dict[str, Any]:
        """What the file says; nothing while its maker still writes it, or when it is gone."""
        try:
            return _parsed(self.path.read_bytes())
        except OSError:
            return {}

    def _is_over(self, holder: Mapping[str, Any]) -> bool:
        """Whether the holder is known to have ended: by its process, by its job, or by the file's age."""
        here = all(holder.get(name) == self.own[name] for name in ("host", "boot", "processes"))
        if here and self.own["started"] is not None:
            return _started(holder.get("pid")) != holder.get("started")
        if self.own["job"] and holder.get("job") == self.own["job"]:  # the scheduler started this job again
            return True
        return self._age() > self.stale_seconds

    def _age(self) -> float:
        """Seconds since the file was touched, both times by the file system's clock."""
        now = self.path.with_name(f".{NAME}.{self.own['token']}")
        try:
            now.touch()
            return now.stat().st_mtime - self.path.stat().st_mtime
        except FileNotFoundError:
            return 0.0
        finally:
            now.unlink(missing_ok=True)

    def _remove(self, holder: Mapping[str, Any]) -> None:
        """Remove the file of a holder that ended; if another one has been quicker, its file is put back."""
        aside = self.path.with_name(f".{NAME}.{self.own['token']}.old")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        if _parsed(aside.read_bytes()) != holder:
            os.rename(aside, self.path)
        else:
            aside.unlink()

    def _beat(self) -> None:
        while not self._ended.wait(self.beat_seconds):
            found = self._read()
            if found and found.get("token") != self.own["token"]:
                self.lost = _words(found)
                return
            try:
                os.utime(self.path)
            except OSError:
                continue  # a shared file system may be away for a while


@contextmanager
def alone(folder: Path, group: Group, deadline: float | None) -> Iterator[Lease]:
    """Train in `folder` while no other trainer does; the group's first process holds the lease, the others wait.

    Raises:
        Unfinished: `deadline`, of the monotonic clock, came before the other trainer's end.
    """
    lease, said = Lease(folder), ""
    while group.any(group.first and bool(holder := lease.take())):
        if group.first and not said:
            said = f"another trainer is at work in {folder}: {holder}"
            print(f"{said}; waiting for its end", file=sys.stderr, flush=True)
        if group.any(deadline is not None and time.monotonic() + POLL_SECONDS > deadline):
            raise Unfinished(f"{said or 'another trainer is at work'}; run again to go on from its last state")
        time.sleep(POLL_SECONDS)
    try:
        yield lease
    finally:
        lease.give_back()


def _words(holder: Mapping[str, Any]) -> str:
    job = f", job {holder['job']}" if holder.get("job") else ""
    return f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'an unknown machine')}{job}"


def _identity() -> dict[str, Any]:
    """Who this process is: machine and its start, its space of process numbers, number and start, the cluster's job.

    Without /proc nothing is known of other processes, and a file's age alone says that its maker has ended.
    """
    pid, processes, boot = os.getpid(), Path("/proc/self/ns/pid"), Path("/proc/sys/kernel/random/boot_id")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text().strip() if boot.is_file() else "",
        "processes": os.readlink(processes) if processes.is_symlink() else "",
        "pid": pid,
        "started": _started(pid),
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def _started(pid: Any) -> str | None:
    """When a living process of this machine was started, in ticks since boot; None if none has this number."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, TypeError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
