"""What one run of a training has left in its folder: images seen, who is at work, how fast.

Nothing is taken for more than it is: a speed comes from the training's own log of times, never from a card, and where
there is none, none is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stylenat.core import rundir
from stylenat.core.reading import Reader, one_line, parsed

RECENT_LINES = 10  # of the log of times: enough to even out, few enough to follow a change of machine
MOST_IMAGES = 10**15  # a position beyond is no position


@dataclass(frozen=True)
class Trainer:
    """Who holds the lease of a run's folder, as the file says, and how long ago it was touched."""

    heartbeat: str  # fresh, or stale: its trainer has ended, and not by itself
    age_seconds: float  # by this machine's clock against the file's: below 0 where they differ
    host: str
    pid: int | None
    job: str  # of the cluster; empty outside one


@dataclass(frozen=True)
class RunFolder:
    """One run of a training: a model has several when its card, images or initial weights changed."""

    path: str
    images_seen: int
    newest_state_images: int | None
    images_per_second: float | None  # an estimate: the mean over the last lines of its log of times
    trainer: Trainer | None
    touched: float  # when its log was last written to, in seconds since the epoch; 0 without one

    @property
    def at_work(self) -> bool:
        """Whether a trainer is at work there, as far as its lease tells."""
        return self.trainer is not None and self.trainer.heartbeat == "fresh"


def read_folder(path: str, reader: Reader, now: float) -> RunFolder:
    """What lies in a run's folder; `now` is in seconds since the epoch."""
    log = f"{path}/{rundir.LOG_NAME}"
    states = [int(n) for n in reader.kinds(f"{path}/{rundir.STATE_FOLDER}") if n.isascii() and n.isdigit()]
    return RunFolder(
        path=path,
        images_seen=next((line["nimg"] for line in reversed(_lines(reader, log))), 0),
        newest_state_images=max((n for n in states if n <= MOST_IMAGES), default=None),
        images_per_second=_speed(_lines(reader, f"{path}/{rundir.TIMING_NAME}")),
        trainer=_trainer(f"{path}/{rundir.LEASE_NAME}", reader, now),
        touched=reader.touched(log) or 0.0,
    )


def _lines(reader: Reader, path: str) -> list[dict[str, Any]]:
    """The last lines of a log that have a position; a half-written one has none."""
    found = [line for line in map(parsed, reader.tail(path)) if isinstance(line, dict)]
    return [line for line in found if type(line.get("nimg")) is int and 0 <= line["nimg"] <= MOST_IMAGES]


def _speed(lines: Iterable[dict[str, Any]]) -> float | None:
    """Images a second over the last lines of a log of times, which say it for the seconds since the line before."""
    pairs = [(line.get("seconds"), line.get("images_per_second")) for line in lines]
    recent = [(s, rate) for s, rate in pairs if _is_amount(s) and _is_amount(rate)][-RECENT_LINES:]
    seconds, images = sum(s for s, _ in recent), sum(s * rate for s, rate in recent)
    return images / seconds if recent else None


def _is_amount(value: Any) -> bool:
    """Whether a value can be a time or a speed; what it rests on stays finite then."""
    return type(value) in (int, float) and 1e-9 < value < 1e12


def _trainer(path: str, reader: Reader, now: float) -> Trainer | None:
    """Who holds a lease; a file that its maker still writes says nothing of it yet."""
    touched = reader.touched(path) if reader.has(path) else None
    if touched is None:
        return None
    said = parsed("\n".join(reader.tail(path)))
    said = said if isinstance(said, dict) else {}
    pid, age = said.get("pid"), now - touched
    return Trainer(
        heartbeat="fresh" if age <= rundir.STALE_SECONDS else "stale",
        age_seconds=round(age, 1),
        host=one_line(said.get("host")),
        pid=pid if type(pid) is int and 0 < pid <= MOST_IMAGES else None,
        job=one_line(said.get("job")),
    )
