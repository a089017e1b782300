"""What the definition's cached tables and its matrix products promise."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from stylenat.attention import FullAttention, hydra, neighborhood_attention, reference


@pytest.mark.parametrize("backend", ["reference", "tiled"])
def test_tables_first_made_in_inference_mode_serve_training(backend):
    reference.axis_windows.cache_clear()
    reference.map_windows.cache_clear()
    x = torch.randn(1, 2, 11, 9, 4)
    bias = torch.randn(2, 5, 5, requires_grad=True)
    with torch.inference_mode():
        expected = neighborhood_attention(x, x, x, kernel_size=3, dilation=2, bias=bias, backend=backend)
    out = neighborhood_attention(x, x, x, kernel_size=3, dilation=2, bias=bias, backend=backend)
    out.sum().backward()
    assert torch.equal(out.detach(), expected)
    assert bias.grad is not None


def test_full_attention_can_train_after_inference():
    hydra.relative_position_index.cache_clear()
    module = FullAttention(8, 2, 4)
    with torch.inference_mode():
        module(torch.randn(1, 4, 4, 8))
    module(torch.randn(1, 4, 4, 8)).square().sum().backward()
    assert module.rpb.grad.abs().sum() > 0


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_torch_counts_two_products_of_every_query_with_its_window(device):
    batch, heads, height, width, channels, kernel = 2, 3, 10, 12, 4, 5
    x = torch.zeros(batch, heads, height, width, channels, device=device)
    bias = torch.zeros(heads, 9, 9, device=device)
    with FlopCounterMode(display=False) as counter:
        out = neighborhood_attention(x, x, x, kernel_size=kernel, dilation=2, bias=bias, backend="reference")
    assert out.shape == x.shape
    tokens = batch * heads * height * width
    assert counter.get_total_flops() == 2 * (2 * tokens * kernel**2 * channels)


def test_the_cached_tables_are_kept_for_each_device():
    on_cpu, on_meta = (reference.map_windows(6, 7, 3, 2, torch.device(name))[0] for name in ("cpu", "meta"))
    assert (on_cpu.device.type, on_meta.device.type) == ("cpu", "meta")
    assert on_cpu.shape == on_meta.shape == (42, 9)
