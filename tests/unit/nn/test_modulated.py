"""Modulated convolutions against their definition, per-image weights; derivatives of both orders."""

import pytest
import torch
import torch.nn.functional as F

from stylenat.nn.modulated import demodulation, modulated_conv, scale_and_activate
from stylenat.nn.resample import fir_kernel


def operands(dtype=torch.float64, kernel=3):
    torch.manual_seed(0)
    shapes = ((2, 3, 4, 4), (5, 3, kernel, kernel), (2, 3))
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def by_definition(x, weight, style, up):
    """One image at a time, its own weights demodulated, zeros inserted, and the filter by sums of shifted maps."""
    images = []
    for row, factors in zip(x, style, strict=True):
        own = weight * factors[None, :, None, None]
        own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if not up:
            images.append(F.conv2d(row[None], own, padding=weight.shape[-1] // 2))
            continue
        side = 2 * row.shape[-1]
        wide = row.new_zeros(1, len(row), side - 1, side - 1)
        wide[..., ::2, ::2] = row
        # A transposed convolution is one with the kernel turned round on a map with zeros around it.
        full = F.conv2d(F.pad(wide, [2] * 4), own.flip([2, 3]))
        padded, taps = F.pad(full, [1] * 4), torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 4
        parts = [(i, j, taps[i] * taps[j]) for i in range(4) for j in range(4)]
        images.append(sum(factor * padded[..., i : i + side, j : j + side] for i, j, factor in parts))
    return torch.cat(images)


@pytest.mark.parametrize("up", [False, True])
def test_the_convolution_is_that_of_its_definition(up):
    x, weight, style = operands()
    expected = by_definition(x, weight, style, up)
    found = modulated_conv(x, weight, style, fir_kernel(4.0) if up else None)
    found = found * demodulation(weight, style)[:, :, None, None]
    assert found.shape == (2, 5, 8 if up else 4, 8 if up else 4)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("up", [False, True])
def test_derivatives_of_both_orders(up):
    torch.manual_seed(0)
    noise = torch.randn(4, 4, dtype=torch.float64)[: 4 if up else 2, : 4 if up else 2]

    def layer(x, weight, style, bias):
        y = modulated_conv(x, weight, style, fir_kernel(4.0) if up else None)
        return scale_and_activate(y, demodulation(weight, style), bias, noise, 0.8)

    shapes = ((2, 2, 2, 2), (2, 2, 3, 3), (2, 2), (2,))
    inputs = tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    cut = (layer(*inputs).abs() == 0.8).double().mean()
    assert 0 < cut < 0.4
    assert torch.autograd.gradcheck(layer, inputs)
    assert torch.autograd.gradgradcheck(layer, inputs)


@pytest.mark.parametrize("clamp", [None, 0.7])
def test_the_activation_is_the_same_with_and_without_gradients(clamp):
    torch.manual_seed(0)
    x, scale, bias, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3), torch.randn(3), torch.randn(2, 1, 4, 4)
    expected = F.leaky_relu(x * scale[:, :, None, None] + noise + bias[:, None, None], 0.2) * 2**0.5
    expected = expected if clamp is None else expected.clamp(-clamp, clamp)
    given = x.clone()
    found = scale_and_activate(given, scale, bias, noise, clamp)
    assert torch.equal(given, x)
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        torch.testing.assert_close(scale_and_activate(given, scale, bias, noise, clamp), expected)
