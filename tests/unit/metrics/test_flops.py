import pytest
import torch
import torch.nn.functional as F
from support.toys import ToyGenerator

from stylenat.core.interface import GeneratorSpec
from stylenat.metrics import flops


class Convolutions(torch.nn.Module):
    spec = GeneratorSpec(z_dim=12, resolution=2)

    def __init__(self):
        super().__init__()
        self.up = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.out = torch.nn.Conv2d(5, 3, 1)

    def forward(self, z_BZ, labels_B=None):
        return self.out(self.up(z_BZ.view(-1, 3, 2, 2)).relu())


class Attention(torch.nn.Module):
    spec = GeneratorSpec(z_dim=64, resolution=1)

    def __init__(self):
        super().__init__()
        self.project = torch.nn.Linear(4, 4, bias=False)

    def forward(self, z_BZ, labels_B=None):
        x = self.project(z_BZ.view(-1, 1, 16, 4))
        return F.scaled_dot_product_attention(x, x, x)


class AttentionNoMeta(Attention):
    """The same, counted where the fused operator of the CPU would run."""

    def forward(self, z_BZ, labels_B=None):
        return super().forward(z_BZ) * float(z_BZ.sum().cpu().item() + 1)


class NoMeta(ToyGenerator):
    """A network with an operator that needs real numbers."""

    def forward(self, z_BZ, labels_B=None):
        return super().forward(z_BZ) * float(z_BZ.sum().cpu().item() + 1)


def test_linear_layers_are_exact():
    result = flops.compute(ToyGenerator())
    assert result.details["by_child"] == {"mapping": 2 * 4 * 6, "synthesis": 2 * 6 * 192}
    assert result.value == 2 * 4 * 6 + 2 * 6 * 192
    assert result.details["device"] == "meta"


def test_convolutions_are_exact():
    result = flops.compute(Convolutions())
    assert result.details["by_child"] == {"up": 2 * 27 * 5 * 4, "out": 2 * 5 * 3 * 4}
    assert sum(result.details["by_operator"].values()) == result.value


@pytest.mark.parametrize(("network", "device"), [(Attention, "meta"), (AttentionNoMeta, "cpu")])
def test_fused_attention_is_counted(network, device):
    projection, products = 2 * 16 * 4 * 4, 2 * 2 * 16 * 16 * 4
    result = flops.compute(network())
    assert result.value == projection + products
    assert result.details["device"] == device


def test_a_network_that_needs_numbers_is_counted_on_the_cpu():
    result = flops.compute(NoMeta())
    assert result.value == 2 * 4 * 6 + 2 * 6 * 192
    assert result.details["device"] == "cpu"


def test_the_network_is_left_as_it_was():
    generator = ToyGenerator()
    before = generator.mapping.weight.clone()
    flops.compute(generator)
    assert torch.equal(generator.mapping.weight, before)


def test_the_convention_is_told():
    assert flops.compute(ToyGenerator()).details["convention"] == "one multiply-add = 2 FLOP"
