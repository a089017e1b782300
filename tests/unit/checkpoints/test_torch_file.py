"""Torch files with nothing but tensors, plain values and a short list of classes."""

import zipfile

import pytest
import torch

from stylenat.checkpoints.entries import read_entry
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"x\.pt: no such file$"):
        read_torch_file(tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"not a readable torch checkpoint$"):
        read_torch_file(tmp_path)


def test_a_packed_file_is_refused_before_it_unfolds(tmp_path):
    torch.save({"g": {"a": torch.zeros(2**20)}}, tmp_path / "stored.pt")
    with (
        zipfile.ZipFile(tmp_path / "stored.pt") as stored,
        zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in stored.infolist():
            packed.writestr(entry.filename, stored.read(entry))
    assert (tmp_path / "x.pt").stat().st_size < 2**16
    with pytest.raises(InputError, match="found compressed entries, expected stored ones"):
        read_torch_file(tmp_path / "x.pt")
    assert read_torch_file(tmp_path / "stored.pt")["g"]["a"].numel() == 2**20


@pytest.mark.parametrize("zipped", [True, False])
def test_both_of_torch_s_formats_are_read(tmp_path, zipped):
    content = {"d": {"a": torch.arange(3)}, "args": {"size": 32}}
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    entry = read_entry(tmp_path / "x.pt", "discriminator")
    assert (entry.layout, entry.name, entry.arguments) == ("top level", "d", {"size": 32})
    assert torch.equal(entry.state["a"], torch.arange(3))


def test_odd_keys_at_the_top_are_named_in_one_line(tmp_path):
    torch.save({"a\nb": 1, 7: 2, (1, 2): 3}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"found 7, a\\nb, tuple, expected g_ema or g$"):
        read_entry(tmp_path / "x.pt", "generator")
