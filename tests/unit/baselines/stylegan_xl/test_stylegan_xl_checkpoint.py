"""Generators as StyleGAN-XL's authors write them: read back exactly; another configuration told by its layers."""

import pytest
import torch
from support import golden, persistent

from baselines.stylegan_xl import FAMILY
from baselines.stylegan_xl.checkpoint import filter_of
from baselines.stylegan_xl.config import parse_arch
from baselines.stylegan_xl.table import layers
from stylenat.core.errors import InputError

SMALL = {"channel_base": 512, "channel_max": 8, "w_dim": 16}
STAGE = {**SMALL, "resolution": 64, "up_factors": [4]}
KWARGS = {"z_dim": 64, "c_dim": 0, "w_dim": 16, "img_resolution": 64, "mapping_kwargs": {"num_layers": 2}}


def filters_of(arch):
    table = [layer for layer in layers(parse_arch(arch)) if not layer.rgb]
    sides = ("up", "down")
    return {f"synthesis.{layer.name}.{side}_filter": filter_of(layer, side) for layer in table for side in sides}


def official_state(network, arch):
    """A network's state with the filters and the placement that the official one keeps."""
    return {**network.state_dict(), **filters_of(arch), "synthesis.input.transform": torch.eye(3)}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A function that writes a stage's network, with changes, and the network."""
    monkeypatch.setenv("TRIPWIRE", str(tmp_path / "ran"))
    torch.manual_seed(0)
    network = FAMILY.build_generator(STAGE)

    def write(**changes):
        state = {**official_state(network, STAGE), **changes}
        parameters = frozenset(dict(network.named_parameters()))
        zeros = {name: torch.zeros_like(value) for name, value in state.items()}
        held = [("SuperresGenerator", values, KWARGS, parameters) for values in (zeros, state)]
        discriminator = ("ProjectedDiscriminator", {"head.weight": torch.zeros(2)}, None, None, True)
        return persistent.write_pkl(tmp_path / "x.pkl", G=held[0], D=discriminator, G_ema=held[1], protocol=4)

    yield write, network
    assert not (tmp_path / "ran").exists()


def test_the_generator_comes_back_exactly_with_an_account_of_every_key(file):
    write, network = file
    state = FAMILY.import_checkpoint(write(), STAGE)
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
    dropped = state.found["buffers_dropped"]["equal_to_ours"]
    assert sorted([*state, *dropped]) == sorted(official_state(network, STAGE))
    assert (state.found["entry"], state.found["class"]) == ("G_ema", "SuperresGenerator")
    assert len(state.found["arguments_equal_to_card"]) == 4


def test_the_golden_filters_are_the_computed_ones():
    _, arrays = golden.load("stylegan_xl_g-16-stem")
    filters = {name.removeprefix("buffer:"): value for name, value in arrays.items() if "_filter" in name}
    computed = filters_of({"resolution": 16})
    assert computed.keys() == filters.keys()
    for name, value in filters.items():
        torch.testing.assert_close(computed[name], torch.tensor(value), rtol=0, atol=1e-6)


def test_another_configuration_is_told_by_its_layers(file):
    write, network = file
    count = sum(parameter.numel() for parameter in network.parameters())
    says = rf"another configuration: found 10 layers \(L0_36_16 .*L10_64_3\) and {count:,} parameters, expected 10"
    with pytest.raises(InputError, match=says):
        FAMILY.import_checkpoint(write(), {**STAGE, "channel_max": 4})


def test_other_filters_and_unknown_keys_are_refused(file):
    write, _ = file
    name = "synthesis.L3_36_16.up_filter"
    with pytest.raises(InputError, match=f"{name} differs from this network's: another filter"):
        FAMILY.import_checkpoint(write(**{name: filters_of(STAGE)[name] + 0.01}), STAGE)
    with pytest.raises(InputError, match=r"1 unknown \(synthesis\.L5_36_16\.up_filter\)"):
        FAMILY.import_checkpoint(write(**{"synthesis.L5_36_16.up_filter": torch.zeros(0)}), STAGE)


def test_the_discriminator_is_refused_in_one_line(file):
    write, _ = file
    with pytest.raises(InputError, match="a StyleGAN-XL discriminator can't be imported: its names"):
        FAMILY.import_checkpoint(write(), STAGE, "discriminator")
