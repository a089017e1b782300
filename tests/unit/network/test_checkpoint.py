"""Official layouts, written here with random weights; wrong networks and hostile files refused in one line."""

import os
import pickle
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import official

from stylenat.attention.hydra import relative_position_index
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError
from stylenat.network import FAMILY
from stylenat.network.checkpoint import import_checkpoint

ARCH = {**official.ARCH, "max_channels": 32}


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return FAMILY.build_generator(ARCH), FAMILY.build_discriminator(ARCH)


def write(path, networks, layout):
    generator, discriminator = (network.state_dict() for network in networks)
    torch.save(official.content(layout, generator, discriminator), path)
    return path


@pytest.mark.parametrize("layout", official.LAYOUTS)
def test_both_layouts_give_the_average_s_weights_exactly(tmp_path, networks, layout):
    path = write(tmp_path / "x.pt", networks, layout)
    for part, network in zip(("generator", "discriminator"), networks, strict=True):
        state = import_checkpoint(path, ARCH, part)
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
        network.load_state_dict(state, strict=True)


class OldNumPyPickler(pickle._Pickler):
    """Writes NumPy's scalar constructor under the module name of NumPy 1."""

    def save_global(self, obj, name=None):
        if obj is np._core.multiarray.scalar:
            self.write(b"cnumpy.core.multiarray\nscalar\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def test_numpy_scalars_under_their_old_module_name_are_read(tmp_path):
    module = SimpleNamespace(Pickler=OldNumPyPickler, __name__="pickle")
    torch.save({"eval_info": {"fid": np.float64(2.05)}}, tmp_path / "x.pt", pickle_module=module)
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        assert b"numpy.core.multiarray" in archive.read("x/data.pkl")
    assert read_torch_file(tmp_path / "x.pt") == {"eval_info": {"fid": 2.05}}


def test_another_network_is_named_in_one_line(tmp_path, networks):
    path = write(tmp_path / "x.pt", networks, "nested")
    wider = {**ARCH, "max_channels": 64}
    with pytest.raises(InputError, match=r"x\.pt: holds another network: \d+ of another shape \(.* and \d+ more\)"):
        import_checkpoint(path, wider)
    torch.save({"g_ema": networks[0].state_dict()}, path)
    larger = {**ARCH, "resolution": 64, "kernel_sizes": [3, 7, 7, 7, 7], "dilations": [*ARCH["dilations"], [1, 8]]}
    with pytest.raises(InputError, match=r"\d+ missing \(layers\.3\.upsample"):
        import_checkpoint(path, larger)


def test_unknown_keys_are_named(tmp_path, networks):
    generator = networks[0]
    torch.save({"g_ema": {**generator.state_dict(), "surplus.weight": torch.zeros(1)}}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"1 unknown \(surplus\.weight\)"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


def test_another_layout_of_the_position_bias_is_refused(tmp_path, networks):
    state = official.generator_entry(networks[0].state_dict(), "nested")
    state["layers.0.blocks.0.attn.relative_position_index"] = relative_position_index(4).T.contiguous()
    torch.save({"g_ema": state}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="another layout of the position bias"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


def test_a_file_without_the_network_says_what_it_holds(tmp_path):
    torch.save({"model": {}}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="no generator here: found model, expected g_ema or g"):
        import_checkpoint(tmp_path / "x.pt", ARCH)


class Hostile:
    """Unpickling this would run a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_file_that_would_run_code_is_refused_with_the_name(tmp_path, writer):
    marker = tmp_path / "ran"
    content = {"g_ema": {"a": Hostile(marker)}}
    if writer == "torch":
        torch.save(content, tmp_path / "x.pt")
    else:
        (tmp_path / "x.pt").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"x\.pt: (refused: the file names 'posix\.system'|not a readable)") as caught:
        import_checkpoint(tmp_path / "x.pt", ARCH)
    assert not marker.exists()
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>quota exceeded</html>", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pt: not a readable torch checkpoint"):
        import_checkpoint(tmp_path / "x.pt", ARCH)
