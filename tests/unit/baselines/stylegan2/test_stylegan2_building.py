"""StyleGAN2's networks built in ways other than the plain one, and beside the official order of operations."""

import copy
import warnings

import pytest
import torch
from support import building

from baselines.stylegan2 import FAMILY
from stylenat.core.errors import InputError

ARCH = {"resolution": 16, "channel_base": 256, "channel_max": 24, "z_dim": 12, "w_dim": 8, "mapping_layers": 2}
PARTS = ["generator", "discriminator"]


def fresh(part):
    return FAMILY.build_generator(ARCH) if part == "generator" else FAMILY.build_discriminator(ARCH)


def build(part):
    """A network whose parameters differ from their initial values, and an input for it."""
    torch.manual_seed(0)
    network = fresh(part)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval(), torch.randn(4, 12) if part == "generator" else torch.randn(4, 3, 16, 16)


@pytest.mark.parametrize("part", PARTS)
def test_a_network_emptied_and_loaded_or_copied_is_the_same(part):
    network, x = build(part)
    building.check_emptied_and_loaded(network, lambda: fresh(part), x)
    building.check_copy(network, x)


@pytest.mark.parametrize("part", PARTS)
def test_no_warning_reaches_the_user_and_every_parameter_learns(part):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, x = build(part)
        network.train()(x).square().sum().backward()
        network.load_state_dict(network.state_dict())
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_a_float64_network_computes_in_float64():
    network, z = build("generator")
    exact = copy.deepcopy(network).double()
    ws = exact.broadcast(exact.mapping(z.double()))
    image = exact.synthesis(ws)
    assert image.dtype == torch.float64
    assert exact(z).dtype == torch.float32
    assert torch.equal(exact(z), image.float())
    torch.testing.assert_close(network(z), image.float(), rtol=1e-4, atol=1e-5)
    network, x = build("discriminator")
    logits = copy.deepcopy(network).double()(x.double())
    assert logits.dtype == torch.float64
    torch.testing.assert_close(network(x), logits.float(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_image_changes_no_parameter_and_repeats():
    """Without gradients features are written over: neither the learned map nor the latents may be among them."""
    network, z = build("generator")
    state, given = copy.deepcopy(network.state_dict()), z.clone()
    first = network(z)
    assert torch.equal(network(z), first)
    assert torch.equal(z, given)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    with torch.enable_grad():
        torch.testing.assert_close(network(z).detach(), first, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_noise_is_drawn_in_training_and_constant_otherwise():
    network, z = build("generator")
    still = network(z)
    network.train()
    torch.manual_seed(1)
    one, two = network(z), network(z)
    assert (one - two).abs().max() > 1e-3
    torch.manual_seed(1)
    assert torch.equal(network(z), one)
    assert torch.equal(network.eval()(z), still)
    assert (network.truncated(z, 1, "none") - still).abs().max() > 1e-3
    with pytest.raises(InputError, match="noise is 'random_'; did you mean 'random'"):
        network.truncated(z, 1, "random_")
    with pytest.raises(InputError, match="found 5 styles an image, expected 6"):
        network.synthesis(torch.zeros(1, 5, 8))


@torch.no_grad()
def test_truncation_draws_styles_to_their_mean():
    network, z = build("generator")
    network.mapping.w_avg.normal_()
    mean = network.synthesis(network.broadcast(network.mapping.w_avg[None]))
    torch.testing.assert_close(network.truncated(z, 0), mean.expand(4, -1, -1, -1))
    assert torch.equal(network.truncated(z, 1), network(z))


@torch.no_grad()
def test_each_style_acts_on_its_own_layers():
    """Changing style l leaves the features before it as they are; the image of a block takes the next block's style."""
    network, z = build("generator")
    ws = network.broadcast(network.mapping(z)).contiguous()
    names = ["b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb", "b16.conv0", "b16.conv1", "b16.torgb"]
    inputs = {}
    for name in names:
        layer = network.synthesis.get_submodule(name).affine
        layer.register_forward_hook(lambda _, args, __, name=name: inputs.__setitem__(name, args[0].clone()))
    network.synthesis(ws)
    given = dict(inputs)
    for index, readers in enumerate((names[:1], names[1:3], names[3:4], names[4:6], names[6:7], names[7:])):
        changed = ws.clone()
        changed[:, index] += 1
        network.synthesis(changed)
        assert [name for name in names if not torch.equal(inputs[name], given[name])] == readers


@pytest.mark.long
@torch.inference_mode()
@pytest.mark.parametrize("part", PARTS)
def test_compiled_networks_are_the_same(part):
    network, x = build(part)
    torch.testing.assert_close(torch.compile(network)(x), network(x), rtol=1e-4, atol=1e-5)
