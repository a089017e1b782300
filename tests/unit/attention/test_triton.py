"""The Triton kernels under Triton's interpreter: golden numbers, the definition, and faults that must be noticed."""

import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import golden, triton_checks

from stylenat.attention import fused, reference
from stylenat.attention.triton_cuts import bias_slots, blocks, cut_map
from stylenat.core.errors import InputError

CPU = torch.device("cpu")
FILES = sorted(str(path) for path in (golden.FOLDER / "na").glob("*.npz"))
# Of the largest value. Scores' gradients and probabilities are rounded to the maps' dtype before a product, and the
# interpreter cuts bfloat16 numbers off where a GPU rounds them.
TOLERANCE = {"bfloat16": 2e-2, "float16": 2e-3}


@pytest.fixture(scope="module")
def errors():
    pytest.importorskip("triton")
    return triton_checks.run("everything", *FILES, *triton_checks.CASES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.rsplit("/", 1)[1])
def test_golden_forward_and_gradients_under_the_interpreter(path, errors):
    assert max(errors[path].values()) < triton_checks.TOLERANCE, errors[path]


@pytest.mark.parametrize("case", triton_checks.CASES)
def test_the_kernels_hold_the_definition_and_write_nothing_beside_their_targets(case, errors):
    dtype = triton_checks.CASES[case].dtype
    assert max(errors[case].values()) < TOLERANCE.get(dtype, triton_checks.TOLERANCE), errors[case]
    assert errors[case]["touched"] == 0


@pytest.mark.long
def test_larger_maps_under_the_interpreter():
    errors = triton_checks.run("everything", *triton_checks.LONG)
    assert max(max(case.values()) for case in errors.values()) < triton_checks.TOLERANCE, errors


@pytest.mark.long
@pytest.mark.parametrize("sizes", [(256, 4, 32, 7, 1), (256, 4, 32, 7, 32), (1024, 4, 8, 7, 1)], ids=str)
def test_the_kernels_compile_for_hopper_without_spilling(sizes, tmp_path):
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    command = [sys.executable, "-m", "support.triton_compile", "90", *map(str, sizes), "bfloat16"]
    done = subprocess.run(command, cwd=triton_checks.TESTS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    compiled = json.loads(done.stdout)
    assert {kernel["name"] for kernel in compiled} >= {"forward", "backward_queries", "backward_keys", "backward_bias"}
    for kernel in compiled:
        assert kernel["stack"] <= 16, kernel
        assert kernel["shared"] <= 48 << 10, kernel
        assert kernel["products"] or "moments" in kernel["name"] or kernel["name"] == "modulate", kernel


CLASSES, KEYS, BLOCKS = "K 3, classes of two lengths", "K 5, keys of many queries", "K 9, several blocks"
CUTS, PLACES, KERNELS, FUSED = triton_checks.MODULES[:4]
FAULTS = {
    "first window not held inside": (CLASSES, PLACES, "tl.maximum(place - KERNEL // 2, 0)", "place - KERNEL // 2"),
    "last window not held inside": (CLASSES, PLACES, "0), places - KERNEL)", "0), places)"),
    "window off its centre": (CLASSES, PLACES, "tl.maximum(place - KERNEL // 2", "tl.maximum(place + 1 - KERNEL // 2"),
    "residue ignored": (CLASSES, PLACES, "(size.width - residue_x + ", "(size.width + "),
    "residue not added": (CLASSES, PLACES, "(work.residue_y + points.y", "(points.y"),
    "tile not cut off at the border": (CLASSES, PLACES, "(y < run.end_y) & (x < run.end_x)", "y < run.end_y"),
    "queries missed before a key": (KEYS, PLACES, "first < KERNEL,", "first < KERNEL - 1,"),
    "queries missed behind a key": (KEYS, PLACES, "last >= places - KERNEL", "last > places - KERNEL"),
    "inverse neighborhood a row short": (KEYS, PLACES, "last + KERNEL // 2 + 1", "last + KERNEL // 2"),
    "bias transposed": (
        *(CLASSES, KERNELS),
        "query.y * SIDE + query.x, key.y * SIDE + key.x",
        "query.x * SIDE + query.y, key.x * SIDE + key.y",
    ),
    "bias cell off by one": (CLASSES, KERNELS, "(KERNEL - 1) * (SIDE + 1)", "(KERNEL - 1) * (SIDE + 1) + 1"),
    "bias of the first head": (CLASSES, KERNELS, "bias + head * (SIDE * SIDE)", "bias"),
    "bias not flipped for the keys": (CLASSES, FUSED, "self.bias.flip(1, 2)", "self.bias"),
    "scale forgotten": (CLASSES, KERNELS, "* scale + mask_QK", "+ mask_QK"),
    "scale of one gradient forgotten": (CLASSES, KERNELS, "grad_k_KC * scale", "grad_k_KC"),
    "delta forgotten": (CLASSES, KERNELS, "(grad_p_QK - delta_Q[:, None])", "grad_p_QK"),
    "sum of the softmax not in the log": (CLASSES, KERNELS, "maximum_Q + tl.log(total_Q)", "maximum_Q"),
    "output not renewed with the maximum": (BLOCKS, KERNELS, "out_QC * shrink_Q[:, None]", "out_QC"),
    "overlap of tiles counted twice": (BLOCKS, KERNELS, "own.real & new", "own.real"),
    "bias gradient a key short": (BLOCKS, CUTS, "max(n - side, 0)", "max(n - side - 1, 0)"),
}


@pytest.fixture(scope="module")
def noticed():
    pytest.importorskip("triton")
    sound = {case: (case, PLACES, "", "") for case in (CLASSES, KEYS, BLOCKS)}
    return triton_checks.run("mutants", json.dumps({**FAULTS, **sound}))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault, noticed):
    _, module, old, _ = FAULTS[fault]
    assert old in triton_checks.source(module), "the fault has lost its place"
    assert noticed[fault]


def test_without_a_fault_the_same_checks_notice_nothing(noticed):
    assert [noticed[case] for case in (CLASSES, KEYS, BLOCKS)] == [False] * 3


def test_float64_is_refused_in_one_line():
    x = torch.zeros(1, 1, 3, 3, 2, dtype=torch.float64)
    with pytest.raises(InputError, match=r"triton.* got torch.float64, expected .*torch.bfloat16"):
        fused.forward(x, x, x, None, 3, 1, 1.0, x, None)


def test_heads_too_wide_are_refused_in_one_line():
    x = torch.zeros(1, 1, 3, 3, 257)
    with pytest.raises(InputError, match="got a head dimension of 257, expected at most 256"):
        fused.forward(x, x, x, None, 3, 1, 1.0, x, None)


def test_where_triton_cannot_run_it_says_why():
    pytest.importorskip("triton")
    assert "TRITON_INTERPRET=1" in fused.unavailable(CPU)
    hidden = "import sys; sys.modules['triton'] = None; from stylenat.attention import fused; from torch import device"
    command = [sys.executable, "-c", f"{hidden}; print(fused.unavailable(device('cpu')))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "triton is not installed"


@given(
    kernel=st.integers(0, 8).map(lambda half: 2 * half + 1),
    spare=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    channels=st.sampled_from([16, 32, 64]),
    name=st.sampled_from(["forward", "backward_queries", "backward_keys"]),
)
def test_a_single_block_holds_all_that_any_tile_needs(kernel, spare, channels, name):
    places = (kernel + spare[0], kernel + spare[1])
    cut = cut_map(name, places, kernel, channels, 2, True)
    if cut.single:
        for count, side, held in zip(places, cut.tile, cut.block, strict=True):
            starts = [min(max(place - kernel // 2, 0), count - kernel) for place in range(count)]
            for first in range(0, count, side):
                if name == "backward_keys":
                    tile = range(first, min(first + side, count))
                    needed = [place for place in range(count) for key in tile if 0 <= key - starts[place] < kernel]
                else:
                    tile = starts[first : first + side]
                    needed = [tile[0], tile[-1] + kernel - 1]
                assert max(needed) - min(needed) < held


@given(kernel=st.sampled_from([1, 3, 5, 7, 13]), spare=st.tuples(st.integers(0, 9), st.integers(0, 9)))
@settings(max_examples=20)
def test_every_pair_of_query_and_key_has_a_slot_of_its_bias_cell(kernel, spare):
    places = (kernel + spare[0], kernel + spare[1])
    cut = cut_map("backward_bias", places, kernel, 16, 2, True)
    slots = bias_slots(cut, kernel, CPU)
    keys, cells = reference.map_windows(*places, kernel, 1, CPU)
    for query in range(places[0] * places[1]):
        query_yx = divmod(query, places[1])
        first = [max(min(p // t * t, n - t), 0) for p, t, n in zip(query_yx, cut.tile, places, strict=True)]
        inner = (query_yx[0] - first[0]) * cut.tile[1] + query_yx[1] - first[1]
        for key, cell in zip(keys[query].tolist(), cells[query].tolist(), strict=True):
            y, x = (k - f + r for k, f, r in zip(divmod(key, places[1]), first, cut.reach, strict=True))
            assert y >= 0
            assert x >= 0
            block = y // cut.block[0] * blocks(cut)[1] + x // cut.block[1]
            slot = (block * cut.tile[0] * cut.tile[1] + inner) * cut.block[0] * cut.block[1]
            slot += y % cut.block[0] * cut.block[1] + x % cut.block[1]
            assert slots[cell, inner] == slot
