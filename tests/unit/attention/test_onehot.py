"""A bias by one-hot channels gives what the bias itself gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import golden

from stylenat.attention import onehot, reference

CASES = sorted(path.stem for path in (golden.FOLDER / "na").glob("*.npz"))
NAMES = ("out", "dq", "dk", "dv", "drpb")


def relative(found, expected):
    found, expected = found.detach(), expected.detach()
    return float((found - expected).abs().max() / expected.abs().max())


def random_inputs(seed, heads, height, width, channels, kernel):
    rng = torch.Generator().manual_seed(seed)
    maps = torch.randn(4, 2, heads, height, width, channels, generator=rng, dtype=torch.float64)
    bias = torch.randn(heads, 2 * kernel - 1, 2 * kernel - 1, generator=rng, dtype=torch.float64)
    return (*maps[:3], bias), maps[3]


def by_channels(inputs, grad_out, kernel, dilation, pad_to=1):
    """Output and gradients of the definition without bias on widened maps."""
    q, k, v, bias = inputs = [x.clone().requires_grad_() for x in inputs]
    wide_q, wide_k = onehot.widen(q, k, bias, kernel, dilation, pad_to)
    assert wide_q.shape == wide_k.shape
    assert wide_q.shape[-1] == -(-(q.shape[-1] + kernel**2 - 1) // pad_to) * pad_to
    v = torch.nn.functional.pad(v, (0, wide_q.shape[-1] - v.shape[-1]))
    out = reference.attend(wide_q, wide_k, v, kernel, dilation, None, 1.0)[..., : q.shape[-1]]
    return (out, *torch.autograd.grad(out, inputs, grad_out))


def by_definition(inputs, grad_out, kernel, dilation):
    inputs = [x.clone().requires_grad_() for x in inputs]
    out = reference.attend(*inputs[:3], kernel, dilation, inputs[3], 1.0)
    return (out, *torch.autograd.grad(out, inputs, grad_out))


@pytest.mark.parametrize("case", CASES)
def test_widened_maps_give_the_golden_output_and_gradients(case):
    data = np.load(golden.FOLDER / "na" / f"{case}.npz")
    *inputs, grad_out = (torch.tensor(data[name]).double() for name in ("q", "k", "v", "rpb", "dout"))
    found = by_channels(inputs, grad_out, int(data["kernel_size"]), int(data["dilation"]), pad_to=8)
    for name, value in zip(NAMES, found, strict=True):
        assert relative(value, torch.tensor(data[name]).double()) < 1e-12, name


@given(
    kernel=st.sampled_from([1, 3, 5, 7]),
    dilation=st.integers(1, 3),
    spare=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    heads=st.integers(1, 2),
    channels=st.integers(1, 5),
    pad_to=st.sampled_from([1, 8]),
)
@settings(max_examples=25)
def test_widened_maps_of_any_size_give_the_definition(kernel, dilation, spare, heads, channels, pad_to):
    height, width = (kernel * dilation + extra for extra in spare)
    inputs, grad_out = random_inputs(spare[0], heads, height, width, channels, kernel)
    expected = by_definition(inputs, grad_out, kernel, dilation)
    for name, found, value in zip(
        NAMES, by_channels(inputs, grad_out, kernel, dilation, pad_to), expected, strict=True
    ):
        # A window of one key has no gradients but that of its value.
        assert (found - value).abs().max() < 1e-12 * value.abs().max().clamp_min(1), name


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda by_place, place: (by_place, place.roll(1)), id="keys one place on"),
        pytest.param(lambda by_place, place: (by_place.roll(1, dims=1), place), id="biases one place on"),
        pytest.param(lambda by_place, place: (by_place.flip(0), place), id="queries mirrored"),
    ],
)
def test_wrong_tables_are_far_off(monkeypatch, wrong):
    inputs, grad_out = random_inputs(0, 2, 11, 9, 3, 3)
    expected = by_definition(inputs, grad_out, 3, 2)
    tables = onehot.axis_tables
    monkeypatch.setattr(onehot, "axis_tables", lambda *arguments: wrong(*tables(*arguments)))
    found = by_channels(inputs, grad_out, 3, 2)
    assert all(relative(found[i], expected[i]) > 1e-2 for i in range(len(NAMES)))


def test_the_bias_of_half_precision_maps_keeps_their_dtype():
    inputs, _ = random_inputs(0, 1, 5, 6, 4, 3)
    q, k, bias = inputs[0].bfloat16(), inputs[1].bfloat16(), inputs[3].float()
    wide_q, wide_k = onehot.widen(q, k, bias, 3, 1)
    assert wide_q.dtype == wide_k.dtype == torch.bfloat16
