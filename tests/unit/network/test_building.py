"""Networks built in ways other than the plain one: on the meta device, emptied, copied, with warnings as errors."""

import warnings

import pytest
import torch
from support import building

from stylenat.network import FAMILY

ARCH = {
    "resolution": 16,
    "max_channels": 32,
    "style_dim": 16,
    "mapping_layers": 2,
    "kernel_sizes": [3, 7, 7],
    "dilations": [[1], [1], [1, 2]],
}


def build(part):
    """A network whose parameters differ from their initial values, and an input for it."""
    torch.manual_seed(0)
    network = FAMILY.build_generator(ARCH) if part == "generator" else FAMILY.build_discriminator(ARCH)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval(), torch.randn(4, 16) if part == "generator" else torch.randn(4, 3, 16, 16)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_a_network_emptied_and_loaded_or_copied_is_the_same(part):
    network, x = build(part)
    make = FAMILY.build_generator if part == "generator" else FAMILY.build_discriminator
    building.check_emptied_and_loaded(network, lambda: make(ARCH), x)
    building.check_copy(network, x)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_no_warning_reaches_the_user(part):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, x = build(part)
        network.train()(x).sum().backward()
        network.load_state_dict(network.state_dict())
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_an_image_before_training_depends_on_its_own_latent_alone():
    network, z = build("generator")
    with torch.inference_mode():
        whole = network(z)
        torch.testing.assert_close(network(z[2:3])[0], whole[2])
        assert (whole[0] - whole[1]).abs().max() > 1e-3
        shift = torch.tensor([3.0] * 8 + [0.0] * 8)
        changed = network(torch.cat([z[:3], z[3:] + shift]))
    torch.testing.assert_close(changed[:3], whole[:3])
