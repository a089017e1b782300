"""Every way that a network takes is counted in full; what they differ in is known to the operation.

Folding a norm's shift into a linear layer is one product of its weight with a vector.
"""

from functools import cache

import pytest
import torch
from support.fvcore_counts import WITHOUT_PRODUCTS
from support.small_networks import FAMILIES, build

from baselines.hit.blocks import AxialBlock, CrossBlock
from baselines.hit.config import EMBEDDINGS
from stylenat.attention import HydraAttention, dispatch
from stylenat.core.interface import GeneratorSpec
from stylenat.metrics import flops
from stylenat.nn import filtered_lrelu, fused_norm
from stylenat.nn.skeleton import inference


@cache
def counted(family):
    return flops.compute(build(family), inference=True)


class Layer(torch.nn.Module):
    """One layer of a StyleNAT: six heads of five channels on a map of 12 x 12."""

    spec = GeneratorSpec(z_dim=12 * 12 * 30, resolution=12)

    def __init__(self):
        super().__init__()
        self.attn = HydraAttention(30, 6, [3, 5], [1, 2])

    def forward(self, z_BZ, labels_B=None):
        return self.attn(z_BZ.view(-1, 12, 12, 30))


def test_a_layer_of_two_partitions_has_the_operations_of_its_definition():
    tokens, channels, head_dim = 12 * 12, 30, 5
    attended = 4 * tokens * head_dim * (3 * 3**2 + 3 * 5**2)
    projected = 2 * tokens * channels * (3 * channels) + 2 * tokens * channels * channels
    result = flops.compute(Layer(), inference=True)
    assert result.details["by_operator"]["stylenat.attend"] == attended
    assert result.value == result.details["inference"]["value"] == attended + projected


@pytest.mark.parametrize("backend", ["reference", "tiled", "triton"])
def test_every_backend_has_one_count(backend, monkeypatch):
    expected = counted("stylenat.network")
    monkeypatch.setattr(dispatch, "_resolved", lambda *_: backend)
    with torch.device("meta"):
        generator = build("stylenat.network")
    result = flops.compute(generator)
    assert ("stylenat.attend" in result.details["by_operator"]) == (backend != "reference")
    assert result.value == expected.value


def test_the_definition_has_one_count_without_gradients_too(monkeypatch):
    expected = counted("stylenat.network").details["inference"]
    monkeypatch.setattr(dispatch, "_resolved", lambda *_: "reference")
    found = flops.compute(build("stylenat.network"), inference=True).details["inference"]
    assert not any(name.startswith("stylenat.") for name in found["by_operator"])
    assert found["value"] == expected["value"]


def skeleton_folds(generator):
    """Two norms a block where tokens are many, and one an upsampler."""
    for level in generator.layers:
        for block in level.blocks:
            hidden, channels = block.mlp.fc1.weight.shape
            if block.side**2 > hidden:
                yield 2 * 3 * channels * channels + 2 * hidden * channels
        if level.upsample is not None:
            yield 2 * level.upsample.reduction.weight.numel()


def hit_folds(generator):
    """The norms where tokens are many; and cross-attention, whose keys and values go into its weights."""
    for stage in generator.stages:
        tokens = stage.side**2
        for block in stage.blocks:
            hidden, channels = block.mlp.fc1.weight.shape
            yield 2 * hidden * channels if tokens > hidden else 0
            if isinstance(block, CrossBlock):
                keys = channels // block.head_dim * EMBEDDINGS  # of all heads
                weights = 2 * channels * channels * (2 * EMBEDDINGS + 1) + 2 * channels * EMBEDDINGS
                plain = 4 * tokens * channels * (channels + EMBEDDINGS)
                yield weights + 4 * tokens * channels * keys - plain
            elif isinstance(block, AxialBlock):
                outputs = channels + 2 * block.head_dim
                yield 2 * outputs * channels if tokens > outputs else 0


FOLDS = {"stylenat.network": skeleton_folds, "baselines.styleswin": skeleton_folds, "baselines.hit": hit_folds}


@pytest.mark.parametrize("family", FAMILIES)
def test_without_gradients_a_network_does_the_same_products_and_its_folds(family):
    folds = sum(FOLDS[family](build(family))) if family in FOLDS else 0
    result = counted(family)
    assert (folds != 0) == (family in FOLDS)
    assert result.details["inference"]["value"] == result.value + folds
    assert sum(result.details["inference"]["by_operator"].values()) == result.value + folds


def test_the_way_of_a_gpu_folds_nothing(monkeypatch):
    """Its kernels are elementwise, and have plain stand-ins here."""
    expected = counted("stylenat.network")

    def add_with_moments(x, y=None):
        x = x if y is None else x + y
        return x, *reversed(torch.var_mean(x, dim=1, correction=0, keepdim=True))

    monkeypatch.setattr(fused_norm, "add_with_moments", add_with_moments)
    monkeypatch.setattr(fused_norm, "modulate", lambda x, scale, shift: x * scale + shift)
    monkeypatch.setattr(inference, "path_for", lambda z: inference.FusedNormPath())
    result = flops.compute(build("stylenat.network"), inference=True)
    assert result.details["inference"]["value"] == result.value == expected.value


def test_rows_that_strips_filter_twice_are_counted_for_inference_alone(monkeypatch):
    expected = counted("baselines.stylegan_xl")
    monkeypatch.setattr(filtered_lrelu, "STRIP_BYTES", 1)
    result = flops.compute(build("baselines.stylegan_xl"), inference=True)
    assert result.value == expected.value
    assert result.details["inference"]["value"] > result.value


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_counted_is_named_and_has_no_products(family):
    for found in (counted(family).details, counted(family).details["inference"]):
        assert "aten.add" in found["not_counted"]
        assert not set(found["not_counted"]) & set(found["by_operator"])
        names = {name.removeprefix("aten.").removesuffix("_") for name in found["not_counted"]}
        assert names <= WITHOUT_PRODUCTS
