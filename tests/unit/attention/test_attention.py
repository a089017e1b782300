"""Every backend against natten 0.17.5's numbers, and the definition against its own naive loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import golden

from stylenat.attention import neighborhood_attention
from stylenat.attention.tiles import plan, tile_view
from stylenat.core.errors import InputError

BACKENDS = ("reference", "tiled")  # those that give every gradient on any CPU
CASES = sorted(path.stem for path in (golden.FOLDER / "na").glob("*.npz"))
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def relative(found, expected):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    return float((found.detach().double() - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_golden_forward_and_gradients(case, backend, dtype):
    data = np.load(golden.FOLDER / "na" / f"{case}.npz")
    q, k, v, bias = inputs = [torch.tensor(data[n]).to(dtype).requires_grad_() for n in ("q", "k", "v", "rpb")]
    sizes = {"kernel_size": int(data["kernel_size"]), "dilation": int(data["dilation"])}
    out = neighborhood_attention(q, k, v, bias=bias, scale=1.0, backend=backend, **sizes)
    gradients = torch.autograd.grad(out, inputs, torch.tensor(data["dout"]).to(dtype))
    for name, found in zip(("out", "dq", "dk", "dv", "drpb"), (out, *gradients), strict=True):
        assert relative(found, data[name]) < TOLERANCE[dtype], name


def naive(q, k, v, kernel_size, dilation, bias, scale):
    """The definition as loops over queries and keys; window members found by counting, not by formula."""
    batch, heads, height, width, _ = q.shape
    out = torch.zeros_like(q)

    def window(position, length):
        members = [i for i in range(length) if i % dilation == position % dilation]
        place = members.index(position)
        first = min(max(place - kernel_size // 2, 0), len(members) - kernel_size)
        return [(members[first + j], first + j - place + kernel_size - 1) for j in range(kernel_size)]

    for b, n, y, x in np.ndindex(batch, heads, height, width):
        keys = [(ky, kx, by, bx) for ky, by in window(y, height) for kx, bx in window(x, width)]
        logits = torch.stack([scale * (q[b, n, y, x] @ k[b, n, ky, kx]) + bias[n, by, bx] for ky, kx, by, bx in keys])
        values = torch.stack([v[b, n, ky, kx] for ky, kx, _, _ in keys])
        out[b, n, y, x] = logits.softmax(0) @ values
    return out


@given(
    kernel=st.sampled_from([1, 3, 5]),
    dilation=st.integers(1, 3),
    spare=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    heads=st.integers(1, 2),
    channels=st.integers(1, 5),
    backend=st.sampled_from(sorted(BACKENDS)),
)
@settings(max_examples=30)
def test_any_size_equals_the_naive_loop(kernel, dilation, spare, heads, channels, backend):
    height, width = (kernel * dilation + extra for extra in spare)
    rng = torch.Generator().manual_seed(kernel * 100 + dilation * 10 + spare[0])
    q, k, v = torch.randn(3, 1, heads, height, width, channels, generator=rng, dtype=torch.float64)
    bias = torch.randn(heads, 2 * kernel - 1, 2 * kernel - 1, generator=rng, dtype=torch.float64)
    found = neighborhood_attention(q, k, v, kernel_size=kernel, dilation=dilation, bias=bias, backend=backend)
    assert relative(found, naive(q, k, v, kernel, dilation, bias, channels**-0.5)) < 1e-12


@pytest.mark.parametrize("backend", ["tiled"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_backends_agree_on_strided_maps_with_batch_and_several_tiles(backend, with_bias):
    torch.manual_seed(0)
    qkv = torch.randn(3, 37, 29, 3, 2, 6, dtype=torch.float64)
    bias = torch.randn(2, 9, 9, dtype=torch.float64) if with_bias else None
    results = []
    for name in ("reference", backend):
        leaf = qkv.clone().requires_grad_()
        q, k, v = leaf.permute(3, 0, 4, 1, 2, 5)
        out = neighborhood_attention(q, k, v, kernel_size=5, dilation=2, bias=bias, backend=name)
        (gradient,) = torch.autograd.grad(out.square().sum(), leaf)
        results.append((out, gradient))
    for found, expected in zip(results[1], results[0], strict=True):
        assert relative(found, expected.detach()) < 1e-12


def test_the_definition_is_differentiable_twice():
    torch.manual_seed(0)
    inputs = [torch.randn(1, 1, 4, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    inputs.append(torch.randn(1, 5, 5, dtype=torch.float64, requires_grad=True))

    def run(q, k, v, bias):
        return neighborhood_attention(q, k, v, kernel_size=3, bias=bias, backend="reference")

    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize(
    ("size", "kernel", "dilation"), [((8, 8), 7, 1), ((37, 29), 5, 2), ((16, 13), 3, 4), ((64, 64), 7, 8)]
)
def test_the_tiles_hold_every_query_once(size, kernel, dilation):
    seen = torch.zeros(1, 1, *size, 1)
    for block in plan(*size, kernel, dilation, (8, 8), torch.device("cpu")):
        tile_view(seen, block, dilation, keys=False).add_(1)
        inside = (block.index < (2 * kernel - 1) ** 2).sum(dim=1)
        assert (inside == kernel**2).all()
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kernel_size": 4}, "kernel_size is 4, expected an odd"),
        ({"dilation": 0}, "dilation is 0"),
        ({"dilation": 3}, r"3 \* 3 = 9, expected at most W = 8"),
        ({"bias": torch.zeros(2, 4, 5)}, r"bias has shape \(2, 4, 5\), expected .* \(2, 5, 5\)"),
        ({"k": torch.zeros(1, 2, 9, 7, 4)}, "expected one shape"),
        ({"backend": "tile"}, "did you mean 'tiled'"),
    ],
)
def test_a_size_that_does_not_fit_is_named(change, says):
    q = torch.zeros(1, 2, 9, 8, 4)
    arguments = {"q": q, "k": q, "v": q, "kernel_size": 3, "dilation": 1, **change}
    with pytest.raises(InputError, match=says):
        neighborhood_attention(arguments.pop("q"), arguments.pop("k"), arguments.pop("v"), **arguments)
