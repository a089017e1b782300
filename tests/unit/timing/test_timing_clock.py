import time

import pytest
import torch

from stylenat.timing import clock as clocks


def test_a_cpu_has_the_wall_clock(monkeypatch):
    shown = iter([10.0, 12.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(shown))
    clock = clocks.clock_for(torch.device("cpu"))
    clock.start()
    assert clock.stop() == 2.5


@pytest.fixture
def stream(monkeypatch):
    """A stand-in for CUDA that notes what is asked of it; its events show 3 ms apart."""
    asked = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing
            self.name = f"event {len([one for one in asked if one.startswith('made')])}"
            asked.append(f"made {self.name}")

        def record(self, stream):
            asked.append(f"{self.name} in {stream}")

        def elapsed_time(self, last):
            asked.append(f"{self.name} to {last.name}")
            return 3.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: asked.append(f"wait for {device}"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    return asked


def test_a_gpu_is_timed_between_two_events_and_waited_for_before_and_behind(stream):
    clock = clocks.clock_for(torch.device("cuda", 0))
    stream.clear()
    clock.start()
    assert stream == ["wait for cuda:0", "event 0 in stream of cuda:0"]
    stream.clear()
    assert clock.stop() == 0.003
    assert stream == ["event 1 in stream of cuda:0", "wait for cuda:0", "event 0 to event 1"]
