"""Networks built in ways other than the plain one: on the meta device, emptied, copied, with warnings as errors."""

import copy
import warnings

import pytest
import torch

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
def test_a_network_emptied_and_loaded_is_the_same(part):
    network, x = build(part)
    with torch.device("meta"):
        other = FAMILY.build_generator(ARCH) if part == "generator" else FAMILY.build_discriminator(ARCH)
    other.to_empty(device="cpu").eval()
    for buffer in other.buffers():
        buffer.fill_(float("nan"))
    other.load_state_dict(network.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(other(x), network(x))


def test_a_copy_of_the_generator_is_independent_and_equal():
    network, z = build("generator")
    other = copy.deepcopy(network)
    with torch.no_grad():
        before = network(z)
        next(other.parameters()).add_(1)
        assert torch.equal(network(z), before)
        other.load_state_dict(network.state_dict())
        assert torch.equal(other(z), before)


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
