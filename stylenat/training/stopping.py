"""Reasons to stop a training before its end: a signal, or the time that a scheduler allows.

The first SIGTERM or SIGUSR1 lets the step end and its state be written. A second one, some seconds later, ends the
process at once; the states before are whole whatever happens. What follows within those seconds is the same stop, told
twice: a cluster signals every process of a job, and the launcher among them passes it on to the others.
"""

import signal
import time
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
BURST_SECONDS = 3.0
DISK_BYTES_PER_SECOND = 50e6  # what a shared file system gives on a bad day


class Stopper:
    """Asked after each step whether to go on; `deadline` is a time of the monotonic clock, in seconds."""

    def __init__(self, deadline: float | None, state_bytes: int) -> None:
        self.deadline, self.reason = deadline, ""
        self.step_seconds, self.write_seconds = 0.0, state_bytes / DISK_BYTES_PER_SECOND
        self.last = self.told = time.monotonic()

    def __enter__(self) -> "Stopper":
        """Take the signals over."""
        self.before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        if not self.reason:
            self.reason, self.told = f"{signal.Signals(number).name} came", time.monotonic()
        elif time.monotonic() - self.told > BURST_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def step_ended(self) -> None:
        """Note how long a step took, the slowest one counting."""
        now = time.monotonic()
        self.step_seconds = max(self.step_seconds, now - self.last)
        self.last = now

    def wrote(self, seconds: float) -> None:
        """Note how long a state took to write."""
        self.write_seconds = max(self.write_seconds, seconds)
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether another step and its state would not end in time, or a signal came."""
        needed = 1.5 * self.step_seconds + 2 * self.write_seconds
        if not self.reason and self.deadline is not None and time.monotonic() + needed > self.deadline:
            self.reason = "the time allowed is nearly over"
        return bool(self.reason)
