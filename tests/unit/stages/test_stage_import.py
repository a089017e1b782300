"""A published checkpoint becomes a snapshot that the sampling side loads; anything else is one clear line."""

import importlib

import pytest
import torch
from support import toys

from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.network import FAMILY
from stylenat.sampling.build import build_generator

ARCH = {"resolution": 8, "max_channels": 32, "kernel_sizes": [3, 7], "dilations": [[1], [1]]}
run = importlib.import_module("stylenat.stages.import").run


def card(**imported):
    weights = {"import": {"file": "official.pt", "url": "https://example.org/weights", **imported}}
    return toys.model_card(name="small", family="stylenat.network", arch=ARCH, weights=weights)


@pytest.fixture
def official(tmp_path):
    torch.manual_seed(0)
    generator = FAMILY.build_generator(ARCH)
    torch.save({"g_ema": generator.state_dict()}, tmp_path / "official.pt")
    return generator


def test_the_snapshot_is_the_official_network_and_says_where_it_is_from(tmp_path, official):
    run(card(sha256=sha256_file(tmp_path / "official.pt")), tmp_path, tmp_path / "out.safetensors")
    loaded = build_generator(card(), tmp_path / "out.safetensors")
    z = torch.randn(2, 512)
    with torch.inference_mode():
        assert torch.equal(loaded(z), official.eval()(z))
    first = (tmp_path / "out.safetensors").read_bytes()
    run(card(), tmp_path, tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == first


def test_a_missing_file_says_where_to_put_it(tmp_path):
    with pytest.raises(InputError, match=r"official\.pt: no such file; put the checkpoint of 'small' there.*example"):
        run(card(), tmp_path, tmp_path / "out.safetensors")


def test_another_file_is_told_by_its_hash(tmp_path, official):
    with pytest.raises(InputError, match=rf"sha256 is [0-9a-f]{{64}}, expected {'0' * 64}"):
        run(card(sha256="0" * 64), tmp_path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_another_network_is_refused_and_leaves_nothing(tmp_path, official):
    torch.save({"g_ema": {"conv.weight": torch.zeros(3)}}, tmp_path / "official.pt")
    with pytest.raises(InputError, match=r"official\.pt: holds another network: 1 unknown \(conv\.weight\)"):
        run(card(), tmp_path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_model_that_imports_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no checkpoint to import"):
        run(toys.model_card(), tmp_path, tmp_path / "out.safetensors")
