import pytest
import torch

from stylenat.core.errors import InputError
from stylenat.metrics import parameters


class Shared(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 3)
        self.second = torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.norm = torch.nn.BatchNorm1d(3)
        self.gain = torch.nn.Parameter(torch.zeros(5))
        self.norm.requires_grad_(False)


def test_shared_once_frozen_too_buffers_apart():
    result = parameters.compute(Shared())
    assert result.value == 9 + 3 + 3 + 6 + 5
    assert result.details["trainable"] == 9 + 3 + 3 + 5
    assert result.details["buffers"] == 3 + 3 + 1
    assert result.details["by_child"] == {"first": 12, "second": 3, "norm": 6, "gain": 5}
    assert sum(result.details["by_child"].values()) == result.value


def test_the_meta_device_is_enough():
    with torch.device("meta"):
        network = torch.nn.Linear(1000, 1000)
    assert parameters.compute(network, part="discriminator").value == 1_001_000


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="part is 'critic', expected one of generator, discriminator"):
        parameters.compute(Shared(), part="critic")
