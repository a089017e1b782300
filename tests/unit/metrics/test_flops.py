import pytest
import torch
import torch.nn.functional as F
from support.toys import ToyGenerator

from stylenat.core.catalog import Catalog
from stylenat.core.interface import GeneratorSpec
from stylenat.core.registry import ROOT, load_family
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


class Constant(torch.nn.Module):
    """A learnt constant as a module of its own, as style-based generators begin with."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(1, 4))

    def forward(self, batch_size):
        return self.value.expand(batch_size, -1)


class FromConstant(ToyGenerator):
    def __init__(self):
        super().__init__()
        self.input = Constant()

    def forward(self, z_BZ, labels_B=None):
        return super().forward(z_BZ + self.input(len(z_BZ)))


def test_a_module_that_gives_a_view_of_its_parameter_is_counted():
    generator = FromConstant()
    assert flops.compute(generator).value == 2 * 4 * 6 + 2 * 6 * 192
    assert all(parameter.requires_grad for parameter in generator.parameters())


class Listed(torch.nn.Module):
    spec = GeneratorSpec(z_dim=4, resolution=1)

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 5), torch.nn.Linear(5, 6)])
        self.out = torch.nn.Parameter(torch.zeros(6, 3))

    def forward(self, z_BZ, labels_B=None):
        for layer in self.layers:
            z_BZ = layer(z_BZ)
        return (z_BZ @ self.out).view(-1, 3, 1, 1)


def test_the_parts_add_up():
    result = flops.compute(Listed())
    assert result.details["by_child"] == {"layers": 2 * (4 * 5 + 5 * 6), "itself": 2 * 6 * 3}
    assert sum(result.details["by_child"].values()) == result.value


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


@pytest.mark.parametrize(
    ("name", "gmacs"),
    [("stylenat-ffhq-256", 94.7), ("styleswin-ffhq-256", 95.6), ("stylegan2-ffhq-256", 45.4)],
)
def test_the_papers_networks_have_the_official_ones_operations(name, gmacs):
    card = Catalog(ROOT / "config").model(name)
    with torch.device("meta"):
        generator = load_family(card.family).build_generator(card.arch).eval()
    result = flops.compute(generator)
    assert result.details["device"] == "meta"
    assert result.value / 2e9 == pytest.approx(gmacs, rel=5e-3)


@pytest.mark.parametrize("name", ["stylenat-demo-32", "styleswin-demo-32", "hit-demo-32", "stylegan2-demo-32"])
def test_a_way_without_gradients_hides_no_operations(name, monkeypatch):
    card = Catalog(ROOT / "config").model(name)
    generator = load_family(card.family).build_generator(card.arch).eval()
    on_meta = flops.compute(generator).value
    monkeypatch.setattr(torch.nn.Module, "to", lambda *_: (_ for _ in ()).throw(NotImplementedError()))
    on_cpu = flops.compute(generator)
    assert on_cpu.details["device"] == "cpu"
    assert on_cpu.value == on_meta
