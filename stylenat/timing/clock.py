"""Clocks: how long a device takes for what is asked of it between `start` and `stop`."""

import time
from typing import Protocol

import torch


class Clock(Protocol):
    """A stopwatch of one device."""

    def start(self) -> None:
        """Begin; the device is idle then."""
        ...

    def stop(self) -> float:
        """Seconds since `start`, when the device has finished all that was asked of it."""
        ...


class WallClock:
    """For a CPU, where a call returns when its work is done."""

    def __init__(self) -> None:
        self._started = 0.0

    def start(self) -> None:
        """Begin."""
        self._started = time.perf_counter()

    def stop(self) -> float:
        """Seconds since `start`."""
        return time.perf_counter() - self._started


class EventClock:
    """For a GPU, where a call returns before its work is done: two events in the stream, waited for once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]

    def start(self) -> None:
        """Begin when the device is idle, so that no earlier work is counted and no call is queued ahead."""
        torch.cuda.synchronize(self.device)
        self._events[0].record(torch.cuda.current_stream(self.device))

    def stop(self) -> float:
        """Seconds between the two events, by the device's own clock."""
        first, last = self._events
        last.record(torch.cuda.current_stream(self.device))
        torch.cuda.synchronize(self.device)
        return first.elapsed_time(last) / 1000


def clock_for(device: torch.device) -> Clock:
    """The clock that fits a device."""
    return EventClock(device) if device.type == "cuda" else WallClock()
