"""Files that are nearly checkpoints: each is refused in one line, none raises anything but InputError."""

import argparse
import pickle
import random
import warnings

import pytest
import torch

from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError
from stylenat.network import FAMILY
from stylenat.network.checkpoint import import_checkpoint

ARCH = {
    "resolution": 16,
    "max_channels": 32,
    "style_dim": 8,
    "mapping_layers": 2,
    "kernel_sizes": [3, 7, 7],
    "dilations": [[1], [1], [1, 2]],
}
INDEX = "layers.0.blocks.0.attn.relative_position_index"
TABLE = "layers.1.blocks.0.attn.rpb"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return FAMILY.build_generator(ARCH).state_dict()


def changed(state, changes):
    return {"g_ema": {**state, **changes}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"input.input": 3}, r"no state of tensors: 1 of another type \(input\.input\)"),
        ({1: 2}, r"no state of tensors: 1 of another type \(1\)"),
        ({INDEX: 3}, "no state of tensors"),
        ({"input.input": torch.zeros(1, 32, 4, 4).to_sparse()}, r"1 of another type \(input\.input\)"),
        ({"input.input": torch.zeros(1, 32, 4, 4, device="meta")}, r"1 of another type \(input\.input\)"),
        ({INDEX: torch.zeros(3, 3, dtype=torch.int64)}, "another layout of the position bias"),
        ({"layers.0.surplus.kernel": torch.zeros(4, 4)}, r"1 unknown \(layers\.0\.surplus\.kernel\)"),
        ({"layers.1.attn_mask2": torch.zeros(4)}, r"1 unknown \(layers\.1\.attn_mask2\)"),
    ],
)
def test_an_entry_that_does_not_belong_is_named(tmp_path, state, changes, says):
    torch.save(changed(state, changes), tmp_path / "x.pt")
    with pytest.raises(InputError, match=says):
        import_checkpoint(tmp_path / "x.pt", ARCH)


@pytest.mark.parametrize(("first", "second"), [((), ()), ((3,), (2, 13, 13)), ((2, 5, 5), (2, 13, 13))])
def test_halves_of_a_bias_table_that_do_not_fit_are_named(tmp_path, state, first, second):
    rest = {name: value for name, value in state.items() if name != f"{TABLE}.0"}
    torch.save(changed(rest, {f"{TABLE}0": torch.zeros(first), f"{TABLE}1": torch.zeros(second)}), tmp_path / "x.pt")
    with pytest.raises(InputError, match=rf"1 unknown \({TABLE}\.1\); 1 of another shape \({TABLE}\.0"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(2), {"state_dicts": [1]}, {"state_dicts": None}, {"g_ema": 1}])
def test_content_without_networks_is_one_line(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"no generator here: found .*, expected g_ema or g"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


def test_an_index_of_another_integer_type_is_the_same_index(tmp_path, state):
    index = torch.arange(16)
    y, x = index // 4, index % 4
    table = (y[None, :] - y[:, None] + 3) * 7 + x[None, :] - x[:, None] + 3
    torch.save(changed(state, {INDEX: table.int()}), tmp_path / "x.pt")
    assert INDEX not in import_checkpoint(tmp_path / "x.pt", ARCH)


class Call:
    """Unpickling this would call a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [(eval, ("1",), "eval"), (getattr, (1, "real"), "getattr"), (random.Random, (), "random.Random")],
)
def test_a_refused_name_is_given_whatever_module_it_is_from(tmp_path, function, arguments, name):
    torch.save({"g_ema": Call(function, *arguments)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=f"refused: the file names '{name}', which no such checkpoint needs"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


def test_a_length_that_is_cut_off_is_no_traceback(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"\x80\x02X\x01")  # a text whose length of four bytes ends after one
    with pytest.raises(InputError, match="not a readable torch checkpoint"):
        read_torch_file(tmp_path / "x.pt")


def damaged(whole, index, rng):
    """Random bytes, a truncation, or a plain pickle with a few bytes changed."""
    if index % 3 == 0:
        return bytes([0x80, 2]) + rng.randbytes(rng.randrange(1, 60))
    if index % 3 == 1:
        return whole[: rng.randrange(len(whole))]
    pickled = bytearray(pickle.dumps({"g_ema": {"a": [1, 2.0, "x"]}, "args": argparse.Namespace(a=1)}, protocol=2))
    for _ in range(3):
        pickled[rng.randrange(2, len(pickled))] = rng.randrange(256)
    return bytes(pickled)


def test_damaged_files_raise_nothing_else_and_warn_of_nothing(tmp_path):
    path, rng = tmp_path / "x.pt", random.Random(0)
    torch.save({"g": {"a": torch.zeros(3)}, "args": argparse.Namespace(size=32)}, path)
    whole, refused = path.read_bytes(), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for index in range(300):
            path.write_bytes(damaged(whole, index, rng))
            try:
                read_torch_file(path)
            except InputError as error:
                refused += "\n" not in str(error)
    assert refused > 200
