import pytest
import torch
import torch.nn.functional as F
from support.small_networks import FAMILIES, build
from support.toys import ToyGenerator

from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError
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


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_as_defined_has_one_count_on_every_device(family, monkeypatch):
    generator = build(family)
    on_meta = flops.compute(generator)
    monkeypatch.setattr(torch.nn.Module, "to", lambda *_: (_ for _ in ()).throw(NotImplementedError()))
    on_cpu = flops.compute(generator)
    assert (on_meta.details["device"], on_cpu.details["device"]) == ("meta", "cpu")
    assert on_cpu.value == on_meta.value
    assert on_cpu.details["by_child"] == on_meta.details["by_child"]


class Runs(torch.nn.Module):
    """A network that is one call, of the sizes 2, 3, 4 and 5."""

    spec = GeneratorSpec(z_dim=3, resolution=1)

    def __init__(self, call):
        super().__init__()
        self.call, self.weight = call, torch.nn.Parameter(torch.zeros(1))

    def forward(self, z_BZ, labels_B=None):
        return self.call(lambda *shape: torch.ones(shape, device=z_BZ.device))


@pytest.mark.parametrize(
    ("name", "call", "products"),
    [
        ("mv", lambda new: new(4, 3) @ new(3), 4 * 3),
        ("dot", lambda new: torch.dot(new(5), new(5)), 5),
        ("vdot", lambda new: torch.vdot(new(5), new(5)), 5),
        ("addmv", lambda new: torch.addmv(new(4), new(4, 3), new(3)), 4 * 3),
        ("addmv_", lambda new: new(4).addmv_(new(4, 3), new(3)), 4 * 3),
        ("addmm_", lambda new: new(4, 5).addmm_(new(4, 3), new(3, 5)), 4 * 3 * 5),
        ("addbmm", lambda new: torch.addbmm(new(4, 5), new(2, 4, 3), new(2, 3, 5)), 2 * 4 * 3 * 5),
        ("addbmm_", lambda new: new(4, 5).addbmm_(new(2, 4, 3), new(2, 3, 5)), 2 * 4 * 3 * 5),
        ("baddbmm_", lambda new: new(2, 4, 5).baddbmm_(new(2, 4, 3), new(2, 3, 5)), 2 * 4 * 3 * 5),
        ("_addmm_activation", lambda new: torch._addmm_activation(new(5), new(4, 3), new(3, 5)), 4 * 3 * 5),
    ],
)
def test_products_that_torch_has_no_formula_for_are_exact(name, call, products):
    result = flops.compute(Runs(call), inference=True)
    assert result.value == 2 * products
    assert result.details["inference"]["by_operator"] == {f"aten.{name}": 2 * products}


def test_the_fused_attention_of_a_cpu_is_exact():
    heads, queries, keys, width = 2, 4, 5, 8
    sizes = (heads, queries, width), (heads, keys, width), (heads, keys, width)
    attend = Runs(lambda new: F.scaled_dot_product_attention(*(new(1, *size) for size in sizes)))
    found = flops.compute(attend, inference=True)
    products = 2 * 2 * heads * queries * keys * width
    assert found.value == products
    operator = "aten._scaled_dot_product_flash_attention_for_cpu"
    assert found.details["inference"]["by_operator"] == {operator: products}


def test_inference_is_counted_where_the_weights_are():
    found = flops.compute(ToyGenerator(), inference=True).details["inference"]
    products = {"device": "cpu", "value": 2 * 4 * 6 + 2 * 6 * 192}
    assert {key: found[key] for key in products} == products
    with torch.device("meta"):
        shapes = ToyGenerator()
    assert flops.compute(shapes, inference=True).details["inference"] is None
    assert "inference" not in flops.compute(ToyGenerator()).details
    with pytest.raises(InputError, match="inference is 'yes', expected true or false"):
        flops.compute(ToyGenerator(), inference="yes")


def test_operators_that_are_not_counted_are_named():
    assert "aten.relu" in flops.compute(Convolutions()).details["not_counted"]
    assert "aten.convolution" not in flops.compute(Convolutions()).details["not_counted"]


def test_the_way_that_is_counted_is_told():
    assert "none of them folded" in flops.compute(ToyGenerator()).details["way"]
