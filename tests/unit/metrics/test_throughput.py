import statistics

import pytest
import torch
from support.toys import ToyGenerator

from stylenat.core.device import flags
from stylenat.core.errors import InputError
from stylenat.core.interface import GeneratorSpec
from stylenat.metrics import throughput

PARAMETERS = {"batch_size": 4, "warmup": 2, "rounds": 5}


class Watched(ToyGenerator):
    """Notes what it is called with, and the switches at that moment."""

    def __init__(self):
        super().__init__()
        self.latents, self.flags = [], []

    def forward(self, z_BZ, labels_B=None):
        self.latents.append(z_BZ)
        self.flags.append(flags())
        return super().forward(z_BZ)


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows 10, 1, 2, 3, ... seconds for the calls in turn."""
    durations = iter([10.0, 10.0, 1.0, 2.0, 3.0, 4.0, 10.0])
    now = [0.0]
    started = [False]

    def perf_counter():
        if started[0]:
            now[0] += next(durations)
        started[0] = not started[0]
        return now[0]

    monkeypatch.setattr(throughput.time, "perf_counter", perf_counter)


def test_every_round_is_kept_and_the_median_decides(clock):
    result = throughput.compute(ToyGenerator(), **PARAMETERS)
    assert result.details["warmup_seconds"] == [10.0, 10.0]
    assert result.details["round_seconds"] == [1.0, 2.0, 3.0, 4.0, 10.0]
    assert result.details["median_seconds"] == 3.0
    assert result.details["iqr_seconds"] == 2.0
    assert result.value == 4 / 3


def test_real_times_are_consistent():
    result = throughput.compute(ToyGenerator(), **PARAMETERS)
    seconds = result.details["round_seconds"]
    assert len(seconds) == 5
    assert min(seconds) > 0
    assert result.value == 4 / statistics.median(seconds)


def test_each_call_has_latents_of_its_own():
    generator = Watched()
    throughput.compute(generator, **PARAMETERS)
    assert [tuple(z.shape) for z in generator.latents] == [(4, 4)] * 7
    assert len({z.numpy().tobytes() for z in generator.latents}) == 7


def test_the_switches_are_set_recorded_and_restored():
    generator, before = Watched(), flags()
    result = throughput.compute(generator, **PARAMETERS, tf32=True, cudnn_benchmark=True)
    assert flags() == before
    assert generator.flags[0] == result.flags
    assert result.flags["tf32_matmul"]
    assert result.flags["cudnn_benchmark"]
    assert not throughput.compute(generator, **PARAMETERS).flags["tf32_matmul"]


def test_the_switches_are_restored_after_a_failure():
    class Failing(ToyGenerator):
        def forward(self, z_BZ, labels_B=None):
            raise RuntimeError("out of memory")

    before = flags()
    with pytest.raises(RuntimeError, match="out of memory"):
        throughput.compute(Failing(), **PARAMETERS, tf32=True, cudnn_benchmark=True)
    assert flags() == before


def test_one_round_has_no_spread():
    assert throughput.compute(ToyGenerator(), batch_size=1, warmup=0, rounds=1).details["iqr_seconds"] is None


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"warmup": -1}, {"rounds": 0}, {"rounds": "3"}, {"tf32": 1}])
def test_parameters_are_checked(bad):
    name = next(iter(bad))
    with pytest.raises(InputError, match=f"metric 'throughput': {name} is"):
        throughput.compute(ToyGenerator(), **{**PARAMETERS, **bad})


def test_a_conditional_generator_is_refused():
    generator = ToyGenerator()
    generator.spec = GeneratorSpec(z_dim=4, resolution=8, num_classes=10)
    with pytest.raises(InputError, match="conditional"):
        throughput.compute(generator, **PARAMETERS)


def test_no_gradients_are_kept():
    class Checked(ToyGenerator):
        def forward(self, z_BZ, labels_B=None):
            assert torch.is_inference_mode_enabled()
            return super().forward(z_BZ)

    throughput.compute(Checked(), **PARAMETERS)
