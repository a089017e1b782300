"""fvcore, which works differently, finds the same numbers and no product that it does not know."""

from functools import cache

import pytest
import torch
from fvcore.nn import parameter_count
from support import fvcore_counts
from support.small_networks import FAMILIES, build

from stylenat.metrics import flops, parameters
from stylenat.nn import fused_linear


@cache
def counted(family):
    """A small generator without gradients, a latent for it, and what the metric says of it."""
    generator = build(family).requires_grad_(False)
    return generator, torch.zeros(1, generator.spec.z_dim), flops.compute(generator, inference=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_fvcore_counts_half_of_ours_and_knows_every_operator(family):
    generator, z_BZ, ours = counted(family)
    found = fvcore_counts.count(generator, z_BZ)
    assert found.unsupported == set()
    assert 2 * found.total == ours.value


@pytest.mark.parametrize("family", FAMILIES)
def test_fvcore_counts_half_of_ours_without_gradients(family, monkeypatch):
    generator, z_BZ, ours = counted(family)
    # torch's tracer does not take oneDNN's linear layers; the plain ones run in their place, on the same numbers.
    monkeypatch.setattr(fused_linear, "fusable", lambda x: False)
    with torch.no_grad():
        found = fvcore_counts.count(generator, z_BZ)
    assert found.unsupported == set()
    assert 2 * found.total == ours.details["inference"]["value"]


@pytest.mark.parametrize("part", ["generator", "discriminator"])
@pytest.mark.parametrize("family", FAMILIES)
def test_fvcore_counts_the_same_parameters(family, part):
    network = build(family, part)
    assert parameter_count(network)[""] == parameters.compute(network, part=part).value


class Unknown(torch.nn.Module):
    def forward(self, x):
        return torch.linalg.inv(x @ x)


def test_an_operator_in_neither_list_is_named():
    found = fvcore_counts.count(Unknown(), torch.eye(3))
    assert found.unsupported == {"aten::linalg_inv"}
    assert found.by_operator == {"matmul": 27}
