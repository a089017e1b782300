"""Files as StyleSwin's authors write them: read back exactly, every key accounted for, other networks refused."""

import argparse

import pytest
import torch
from support import golden, official

from baselines.styleswin import FAMILY
from baselines.styleswin.checkpoint import import_checkpoint, own_name, region_mask
from stylenat.core.errors import InputError

ARCH = {"resolution": 64, "max_channels": 16}
CASE = "styleswin-64-cm2"


def official_names():
    spec, _ = golden.load(CASE)
    return {own_name(name): name for name in spec["params"]}


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return FAMILY.build_generator(ARCH), FAMILY.build_discriminator(ARCH)


def entry(generator):
    """A generator's state under official names, with all that the official network keeps besides."""
    names = official_names()
    state = {names[name]: value for name, value in generator.state_dict().items()}
    return {**state, **official.buffers(CASE)}


def discriminator_entry(discriminator):
    """A discriminator's state with the buffers of one of 64 px."""
    state, found = discriminator.state_dict(), official.buffers("styleswin_d-32-cm2")
    more = {
        name.replace("from_rgbs.2", "from_rgbs.3"): v for name, v in found.items() if name.startswith("from_rgbs.2")
    }
    blur = {"convs.2.conv2.0.kernel": found["convs.1.conv2.0.kernel"]}
    return {**state, **found, **more, **blur}


def write(path, networks, **changes):
    generator = {**entry(networks[0]), **changes}
    zeros = {name: torch.zeros_like(value) for name, value in generator.items()}
    states = {"g": zeros, "d": discriminator_entry(networks[1]), "g_ema": generator}
    optimisers = {"g_optim": {"state": {}, "param_groups": []}, "d_optim": {"state": {}, "param_groups": []}}
    torch.save({**states, **optimisers, "args": argparse.Namespace(size=64, batch=4, ttur=True)}, path)
    return path


def test_both_networks_come_back_exactly_with_an_account_of_every_key(tmp_path, networks):
    path = write(tmp_path / "x.pt", networks)
    for part, network in zip(("generator", "discriminator"), networks, strict=True):
        state = import_checkpoint(path, ARCH, part)
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
        held = torch.load(path, weights_only=False)["g_ema" if part == "generator" else "d"]
        dropped = sum(len(names) for names in state.found["buffers_dropped"].values())
        assert len(held) == len(state) + dropped
    assert len(held) > 0
    found = import_checkpoint(path, ARCH).found
    assert (found["entry"], found["arguments"]["batch"], found["arguments_equal_to_card"]) == ("g_ema", 4, ["size"])
    assert "layers.2.blocks.0.attn_mask2" in found["buffers_dropped"]["equal_to_ours"]
    assert found["renamed"]["layers.0.blocks.0.qkv.weight"] == "layers.0.blocks.0.attn.qkv.weight"


def test_the_region_mask_is_the_official_one():
    masks = {name: value for name, value in official.buffers(CASE).items() if "attn_mask2" in name}
    assert len(masks) == 6
    for name, mask in masks.items():
        assert torch.equal(mask, region_mask(4 * 2 ** int(name.split(".")[1]), 8))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("layers.2.blocks.0.attn_mask2", "another mask of the shifted windows"),
        ("layers.3.blocks.1.attn.1.relative_position_index", "another layout of the position bias"),
    ],
)
def test_another_content_of_a_buffer_is_refused(tmp_path, networks, name, says):
    changed = official.buffers(CASE)[name].clone()
    changed.view(-1)[5] += 1
    path = write(tmp_path / "x.pt", networks, **{name: changed})
    with pytest.raises(InputError, match=f"{name} differs from this network's: {says}"):
        import_checkpoint(path, ARCH)


def test_another_size_and_another_network_are_refused(tmp_path, networks):
    path = write(tmp_path / "x.pt", networks)
    with pytest.raises(InputError, match="size is 64, resolution on the card is 32"):
        import_checkpoint(path, {**ARCH, "resolution": 32})
    with pytest.raises(InputError, match=r"holds another network: \d+ of another shape"):
        import_checkpoint(path, {**ARCH, "max_channels": 32})
    surplus = write(tmp_path / "y.pt", networks, **{"layers.9.blocks.0.attn_mask2": torch.zeros(1)})
    with pytest.raises(InputError, match=r"layers\.9\.blocks\.0\.attn_mask2 differs"):
        import_checkpoint(surplus, ARCH)
