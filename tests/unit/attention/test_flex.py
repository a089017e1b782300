"""Attention by flex attention against the definition, and its block masks against dense ones."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from support import golden
from torch.nn.attention import flex_attention as torchs

from stylenat.attention import flex, reference
from stylenat.core.errors import InputError

CASES = sorted(path.stem for path in (golden.FOLDER / "na").glob("*.npz"))
CPU = torch.device("cpu")
# Height, width, kernel size, dilation: residue classes of equal and of unequal length, of one tile and of many. In the
# last two, blocks are reached in the longer classes alone, and in the shorter ones alone.
GEOMETRIES = [
    (7, 7, 7, 1),
    (24, 40, 7, 1),
    (17, 13, 3, 1),
    (23, 22, 7, 3),
    (32, 16, 3, 2),
    (25, 40, 5, 4),
    (31, 9, 9, 1),
    (17, 20, 3, 2),
    (21, 18, 7, 2),
]
TILES = [(4, 8), (8, 16)]


def relative(found, expected):
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).abs().max() / expected.abs().max())


def random_inputs(height, width, kernel, dtype=torch.float64, channels=4):
    rng = torch.Generator().manual_seed(height)
    qkv = torch.randn(2, height, width, 3, 2, channels, generator=rng, dtype=torch.float64)
    bias = torch.randn(2, 2 * kernel - 1, 2 * kernel - 1, generator=rng, dtype=torch.float64)
    return [x.to(dtype) for x in (*qkv.permute(3, 0, 4, 1, 2, 5), bias)]


@pytest.fixture(params=TILES, ids=str)
def tile(request, monkeypatch):
    """The tiles of a CPU and of a GPU, both on a CPU."""
    flex.block_mask.cache_clear()
    monkeypatch.setitem(flex.TILES, "cpu", request.param)
    yield request.param
    flex.block_mask.cache_clear()


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("case", CASES)
def test_uncompiled_it_gives_the_golden_output(case, tile):
    data = np.load(golden.FOLDER / "na" / f"{case}.npz")
    q, k, v, bias = (torch.tensor(data[name]).double() for name in ("q", "k", "v", "rpb"))
    sizes = (int(data["kernel_size"]), int(data["dilation"]))
    found = flex.run(torchs.flex_attention, q, k, v, *sizes, bias, 1.0)
    assert relative(found, torch.tensor(data["out"])) < 1e-12


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(("height", "width", "kernel", "dilation"), GEOMETRIES[2:5])
def test_uncompiled_it_gives_the_definition_at_odd_sizes(height, width, kernel, dilation, with_bias):
    q, k, v, bias = random_inputs(height, width, kernel)
    arguments = (q, k, v, kernel, dilation, bias if with_bias else None, 0.3)
    assert relative(flex.run(torchs.flex_attention, *arguments), reference.attend(*arguments)) < 1e-12


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("case", CASES[-2:])
def test_its_bias_and_layout_have_the_golden_gradients(case, monkeypatch):
    """Through torch's dense scores, which a CPU can differentiate: flex attention itself only refuses to."""
    monkeypatch.setattr(torchs, "_validate_device", lambda *_: None)
    data = np.load(golden.FOLDER / "na" / f"{case}.npz")
    *inputs, grad_out = (torch.tensor(data[name]).double() for name in ("q", "k", "v", "rpb", "dout"))
    q, k, v, bias = inputs = [x.requires_grad_() for x in inputs]
    sizes = (int(data["kernel_size"]), int(data["dilation"]))
    out = flex.run(torchs.flex_attention, q, k, v, *sizes, bias, 1.0)
    for name, found in zip(("dq", "dk", "dv", "drpb"), torch.autograd.grad(out, inputs, grad_out), strict=True):
        assert relative(found, torch.tensor(data[name])) < 1e-12, name


def dense(num_blocks, indices):
    """A table of blocks as a matrix of booleans."""
    table = torch.zeros(indices.shape[-2:], dtype=torch.bool)
    for block, (count, reached) in enumerate(zip(num_blocks[0, 0], indices[0, 0], strict=True)):
        assert len(set(reached[:count].tolist())) == count
        table[block, reached[:count].long()] = True
    return table


@pytest.mark.parametrize(("height", "width", "kernel", "dilation"), GEOMETRIES)
def test_the_block_mask_shows_each_query_its_window(height, width, kernel, dilation, tile):
    folding = flex.fold_map(height, width, kernel, dilation, tile)
    mask = flex.block_mask(folding, CPU)
    blocks, size = dense(mask.kv_num_blocks, mask.kv_indices), mask.BLOCK_SIZE[0]
    assert (dense(mask.q_num_blocks, mask.q_indices) == blocks.T).all()
    position = torch.arange(1, height * width + 1).view(1, 1, height, width, 1)
    position = folding.fold(position, 1)[..., 0] - 1  # -1 beyond the map
    token = torch.arange(folding.tokens)
    listed = blocks[token[:, None] // size, token // size]
    shown, needed = torch.zeros(height * width, height * width, dtype=torch.int), torch.zeros_like(blocks)
    for row, column in np.ndindex(dilation, dilation):
        at = position[row, column]
        visible = mask.mask_mod(torch.tensor(row), torch.tensor(column), token[:, None], token)
        assert visible.any(dim=1).all()
        assert (at[visible.any(dim=0)] >= 0).all(), "a key beyond the map is seen"
        queries, keys = (visible & listed & (at[:, None] >= 0)).nonzero(as_tuple=True)
        shown[at[queries], at[keys]] += 1
        needed[queries // size, keys // size] = True
    expected = torch.zeros_like(shown)
    expected.scatter_(1, reference.map_windows(height, width, kernel, dilation, CPU)[0], 1)
    assert shown.sum() == height * width * kernel**2
    assert (shown == expected).all()
    if height % dilation == width % dilation == 0:
        assert (needed == blocks).all(), "a block without visible pairs is listed"


def test_a_large_map_has_few_blocks():
    mask = flex.block_mask(flex.fold_map(256, 256, 7, 1, (8, 16)), CPU)
    assert mask.kv_indices.shape == (1, 1, 512, 512)
    assert mask.kv_num_blocks.max() == 9
    assert flex.fold_map(64, 64, 7, 8, (8, 16)).tokens == 64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"q": torch.zeros(1, 1, 5, 5, 4, requires_grad=True)}, "'flex' has no gradients on a CPU"),
        ({"bias": torch.zeros(1, 5, 5, requires_grad=True)}, "'flex' has no gradients on a CPU"),
        (
            {"q": torch.zeros(1, 1, 5, 5, 4, dtype=torch.float64)},
            "'flex' got torch.float64, expected one of torch.float",
        ),
        (
            {"q": torch.zeros(1, 1, 1, 1, 1).expand(1, 1, 600, 600, 1)},
            "600 x 600, which takes 11250 blocks, expected at",
        ),
    ],
)
def test_what_can_not_be_served_is_refused_in_one_line(change, says, monkeypatch):
    monkeypatch.setattr(flex, "unavailable", lambda device: None)
    arguments = {"q": torch.zeros(1, 1, 5, 5, 4), "bias": torch.zeros(1, 5, 5), **change}
    with pytest.raises(InputError, match=says) as caught:
        flex.attend(arguments["q"], arguments["q"].detach(), arguments["q"].detach(), 3, 1, arguments["bias"], 1.0)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setenv("CXX", "no-such-compiler")
    flex.unavailable.cache_clear()
    assert "C++ compiler, and 'no-such-compiler' is not found" in flex.unavailable(CPU)
    assert "runs on a CUDA device or a CPU" in flex.unavailable(torch.device("meta"))
    flex.unavailable.cache_clear()


@pytest.mark.long
@torch.no_grad()
def test_compiled_it_gives_the_definition():
    """At more shapes than torch compiles by default, and a second time with another bias."""
    if reason := flex.unavailable(CPU):
        pytest.skip(reason)
    for height, width, kernel, dilation in [*GEOMETRIES, (37, 29, 5, 2), (64, 64, 7, 8), (64, 64, 7, 1)]:
        q, k, v, bias = random_inputs(height, width, kernel, torch.float32, channels=8)
        for some in (bias, bias.flip(1).requires_grad_()):
            found = flex.attend(q, k, v, kernel, dilation, some, 0.3)
            wide = [x.double() for x in (q, k, v, some)]
            expected = reference.attend(*wide[:3], kernel, dilation, wide[3], 0.3)
            assert relative(found, expected) < 1e-5, (height, width, kernel, dilation)
    found, expected = (module.attend(q, k, v, 7, 1, None, 0.3) for module in (flex, reference))
    assert relative(found, expected) < 1e-5
    half = [x.bfloat16() for x in (q, k, v)]
    found, expected = flex.attend(*half, 7, 1, bias, 0.3), reference.attend(*half, 7, 1, bias.bfloat16(), 0.3)
    assert found.dtype == torch.bfloat16
    assert relative(found, expected) < 2e-2


ONE_RUN = """
import sys, torch
from stylenat.attention import flex, reference
torch.manual_seed(0)
(q, k, v), bias = torch.randn(3, 2, 2, 37, 29, 8), torch.randn(2, 9, 9)
with torch.no_grad():
    for threads in map(int, sys.argv[1:]):
        torch.set_num_threads(threads)
        found = flex.attend(q, k, v, 5, 2, bias, 0.3)
        torch.testing.assert_close(found, reference.attend(q, k, v, 5, 2, bias, 0.3), rtol=1e-4, atol=1e-5)
"""


@pytest.mark.long
def test_a_kernel_compiled_for_few_threads_is_not_run_by_more(tmp_path):
    """Not in the process that compiled it, nor in a later one that finds it in the cache."""
    if reason := flex.unavailable(CPU):
        pytest.skip(reason)
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    for threads in (["1", "4"], ["3"]):
        subprocess.run([sys.executable, "-c", ONE_RUN, *threads], check=True, env=environment)
