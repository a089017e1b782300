from functools import partial

import pytest
import torch
from support.fake_clock import FakeClock, FakeMemory, Timed

from stylenat.timing import rounds
from stylenat.timing.memory import CudaMemory, memory_of
from stylenat.timing.settings import parse_settings

FIXED = {"mode": "throughput", "precision": "fp32", "batch_size": 4, "calls": 5, "warmup": 2, "rounds": 3}
SWEEP = FIXED | {"batch_size": None, "sweep": True, "largest_batch": 4}


class Heavy(Timed):
    """Weights of so many bytes, and so many more for every image of a call; the first call of all takes a few more."""

    def __init__(self, clock, memory, weights, each):
        super().__init__(clock, fixed=8)
        self.memory, self.bytes_each = memory, each
        memory.now += weights

    def forward(self, z_BZ, labels_B=None):
        self.memory.use(self.bytes_each * len(z_BZ) + (0 if self.latents else 10**6))
        return super().forward(z_BZ)


@pytest.fixture
def measured():
    def run(parameters):
        clock, memory = FakeClock(), FakeMemory()
        makers = {"a": partial(Heavy, clock, memory, 100, 7), "b": partial(Heavy, clock, memory, 1000, 50)}
        settings = parse_settings(parameters, "x")
        found = rounds.measure(makers, settings, torch.device("cpu"), 0, clock=clock, memory=memory)
        run.clock, run.memory = clock, memory
        return found.entries

    return run


def test_a_peak_is_a_network_s_own_without_the_others_weights_and_the_warm_up(measured):
    entries = measured(FIXED)
    assert entries["a"].peak_bytes == 100 + 4 * 7
    assert entries["b"].peak_bytes == 1000 + 4 * 50


def test_each_point_of_a_curve_has_its_peak(measured):
    entries = measured(SWEEP)
    assert [point.peak_bytes for point in entries["a"].curve] == [107, 114, 128]
    assert entries["a"].peak_bytes == 128


def test_peaks_of_other_batch_sizes_are_forgotten():
    class Uneven(Heavy):
        def forward(self, z_BZ, labels_B=None):
            self.memory.use({1: 7, 2: 40, 4: 20}[len(z_BZ)])
            return Timed.forward(self, z_BZ)

    clock, memory = FakeClock(), FakeMemory()
    network = Uneven(clock, memory, 100, 0)
    network.fixed = 0  # every batch size is as fast: the first is the best
    settings = parse_settings(SWEEP, "x")
    memory.now = 0
    makers = {"a": lambda: setattr(memory, "now", 100) or network}
    entry = rounds.measure(makers, settings, torch.device("cpu"), 0, clock=clock, memory=memory).entries["a"]
    assert [point.peak_bytes for point in entry.curve] == [107, 140, 120]
    assert (entry.batch_size, entry.peak_bytes) == (1, 107)


def test_a_turn_begins_with_released_memory_and_a_call_that_is_not_timed(measured):
    measured(FIXED)
    assert measured.memory.released == 2 * (1 + 3)  # each network: behind the warm-up's start, and every turn
    assert measured.clock.calls == [1] * 4 + [5] * 6
    # Between a stop and the next start of the clock passes the untimed call: 2 networks, 2 + 3 * (1 + 5) calls of 12 s.
    assert measured.clock.now == 2 * 20 * 12.0


def test_a_cpu_tells_no_memory():
    memory = memory_of(torch.device("cpu"))
    assert (memory.known, memory.held(), memory.peak()) == (False, 0, 0)
    clock = FakeClock()
    found = rounds.measure(
        {"a": partial(Timed, clock)}, parse_settings(FIXED, "x"), torch.device("cpu"), 0, clock=clock
    )
    assert found.entries["a"].peak_bytes is None


def test_a_gpu_s_memory_is_what_torch_s_allocator_tells(monkeypatch):
    asked = []
    for name, answer in (("memory_allocated", 5), ("max_memory_allocated", 9), ("reset_peak_memory_stats", None)):
        monkeypatch.setattr(torch.cuda, name, lambda device, n=name, a=answer: asked.append((n, str(device))) or a)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: asked.append("emptied"))
    memory = memory_of(torch.device("cuda", 1))
    assert isinstance(memory, CudaMemory)
    memory.reset_peak()
    assert (memory.held(), memory.peak()) == (5, 9)
    memory.release()
    assert asked == [
        ("reset_peak_memory_stats", "cuda:1"),
        ("memory_allocated", "cuda:1"),
        ("max_memory_allocated", "cuda:1"),
        "emptied",
    ]
