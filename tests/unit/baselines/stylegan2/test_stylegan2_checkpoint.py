"""Files as StyleGAN2's authors write them: read back exactly, every key accounted for, other networks refused."""

import pytest
import torch
from support import golden, persistent

from baselines.stylegan2 import FAMILY
from baselines.stylegan2.checkpoint import FILTER
from stylenat.core.errors import InputError
from stylenat.nn.resample import fir_kernel

ARCH = {"resolution": 64, "channel_max": 16, "z_dim": 8, "w_dim": 8, "mapping_layers": 2}
KWARGS = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 64, "img_channels": 3}
KWARGS |= {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": {"channel_base": 32768, "channel_max": 16}}
CASES = {"generator": "stylegan2_g-64", "discriminator": "stylegan2_d-64"}


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    found = {"generator": FAMILY.build_generator(ARCH), "discriminator": FAMILY.build_discriminator(ARCH)}
    with torch.no_grad():
        for network in found.values():
            for value in network.state_dict().values():
                value.normal_()
    return found


def official_state(part, network):
    """A network's state with the filters that the official one of the same depth keeps."""
    spec, _ = golden.load(CASES[part])
    filters = [name for name in spec["buffers"] if FILTER.fullmatch(name)]
    assert filters
    return {**network.state_dict(), **{name: fir_kernel()[0, 0] for name in filters}}


def write(path, networks, kwargs=KWARGS, **changes):
    generator = {**official_state("generator", networks["generator"]), **changes}
    parameters = frozenset(dict(networks["generator"].named_parameters()))
    zeros = {name: torch.zeros_like(value) for name, value in generator.items()}
    discriminator = official_state("discriminator", networks["discriminator"])
    d_parameters = frozenset(dict(networks["discriminator"].named_parameters()))
    return persistent.write_pkl(
        path,
        G=("Generator", zeros, kwargs, parameters),
        D=("Discriminator", discriminator, {"img_resolution": 64, "channel_max": 16}, d_parameters),
        G_ema=("Generator", generator, kwargs, parameters),
    )


@pytest.fixture
def tripwire(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIPWIRE", str(tmp_path / "ran"))
    yield
    assert not (tmp_path / "ran").exists()


def test_both_networks_come_back_exactly_with_an_account_of_every_key(tmp_path, networks, tripwire):
    path = write(tmp_path / "x.pkl", networks)
    for part, network in networks.items():
        state = FAMILY.import_checkpoint(path, ARCH, part)
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
        dropped = state.found["buffers_dropped"]["equal_to_ours"]
        assert sorted([*state, *dropped]) == sorted(official_state(part, network))
    found = FAMILY.import_checkpoint(path, ARCH).found
    assert (found["entry"], found["class"], found["arguments"]["kwargs"]["z_dim"]) == ("G_ema", "Generator", 8)
    assert len(found["arguments_equal_to_card"]) == 6


def test_the_golden_keys_are_all_known():
    """Full size: what the official network holds is what this one does, and filters."""
    for part, case in CASES.items():
        spec, _ = golden.load(case)
        with torch.device("meta"):
            network = FAMILY.build_generator({"resolution": 64}) if part == "generator" else None
            network = network or FAMILY.build_discriminator({"resolution": 64})
        official = {name: tuple(shape) for name, shape in spec["params"].items()}
        official |= {name: tuple(shape) for name, (shape, _) in spec["buffers"].items() if not FILTER.fullmatch(name)}
        assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == official


def test_another_network_is_refused(tmp_path, networks, tripwire):
    path = write(tmp_path / "x.pkl", networks)
    with pytest.raises(InputError, match=r"kwargs\.synthesis_kwargs\.channel_max is 16, channel_max on the card is 32"):
        FAMILY.import_checkpoint(path, {**ARCH, "channel_max": 32})
    silent = write(tmp_path / "y.pkl", networks, kwargs={})
    with pytest.raises(InputError, match=r"y\.pkl: holds another network: \d+ of another shape"):
        FAMILY.import_checkpoint(silent, {**ARCH, "channel_max": 32})
    name = "synthesis.b8.conv0.resample_filter"
    other = write(tmp_path / "z.pkl", networks, **{name: fir_kernel(4.0)[0, 0]})
    with pytest.raises(InputError, match=f"{name} differs from this network's: another resampling filter"):
        FAMILY.import_checkpoint(other, ARCH)
