"""Losses, R1, consistency and gradient norms against the official loop's, under golden weights at 32 px, in float64."""

import pytest
import torch
from support import golden

from baselines import styleswin
from baselines.styleswin.checkpoint import own_name
from stylenat import network as stylenat
from stylenat.objectives import losses

NAT = {"resolution": 32, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
CASES = {"stylenat": (stylenat.FAMILY, NAT), "styleswin": (styleswin.FAMILY, {"resolution": 32})}
R1_GAMMA, R1_INTERVAL, BCR = 10, 16, 10
MODES = ["train", pytest.param("eval", marks=pytest.mark.long)]
NORM_TOLERANCE = 1e-4  # the position codes, in float32 in both, differ in their last bits


def close(found, expected, tolerance=3e-6):  # what rounding the golden weights to float32 moves
    assert float(found) == pytest.approx(expected, rel=tolerance, abs=1e-9)


@pytest.fixture(scope="module", params=CASES)
def networks(request):
    """Generator, discriminator, fakes of the discriminator's phase, and the official numbers."""
    family, arch = CASES[request.param]
    spec = golden.load(f"train-{request.param}-32")[0]
    generator, discriminator = family.build_generator(arch).double(), family.build_discriminator(arch).double()
    state = golden.generator_state(spec["params_g"])
    generator.load_state_dict({own_name(name): value for name, value in state.items()})
    with torch.no_grad():
        fake = images_of(generator, 7)
    return generator, discriminator, fake, spec["phases_fp64"]


def images_of(generator, seed):
    """Images in float64."""
    return generator(golden.latents(4, 512, seed).double())


def fresh(networks, mode):
    """The discriminator at the rule's values, spectral vectors included: every phase starts from them."""
    discriminator = networks[1]
    shapes = {name: tuple(value.shape) for name, value in discriminator.state_dict().items()}
    discriminator.load_state_dict(golden.discriminator_values(shapes))
    discriminator.zero_grad(set_to_none=True)
    return discriminator.train(mode == "train").requires_grad_(True)


def check_norms(expected, network, total):
    named = dict(network.named_parameters())
    for official, norm in expected.items():
        name = own_name(official)
        gradient = named[name].grad
        # A leaky ReLU of D stands on its kink in eval mode: last bits of the position code flip it, and move alpha.
        tolerance = 3e-3 if name.endswith("alpha") else NORM_TOLERANCE
        close(0.0 if gradient is None else gradient.norm(), norm, tolerance)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    close(torch.nn.utils.get_total_norm(gradients), total, NORM_TOLERANCE)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("phase", ["d_identity", "d_flip"])
def test_discriminator_phase(networks, phase, mode):
    expected, network = networks[3][mode][phase], fresh(networks, mode)
    real, fake = golden.images(4, 32).double(), networks[2]
    augment = (lambda x: x) if phase == "d_identity" else (lambda x: x.flip(3))
    fake_logit, real_logit = network(fake), network(real)
    bcr_fake = losses.consistency(network(augment(fake)), fake_logit)
    bcr_real = losses.consistency(network(augment(real)), real_logit)
    logistic = losses.discriminator_loss(real_logit, fake_logit)
    torch.testing.assert_close(fake_logit.flatten().tolist(), expected["fake_pred"], rtol=1e-5, atol=1e-7)
    close(logistic.detach(), expected["d_logistic"])
    close(bcr_fake.detach(), expected["bcr_fake_mse"])
    close(bcr_real.detach(), expected["bcr_real_mse"])
    total = logistic + BCR * bcr_fake + BCR * bcr_real
    close(total.detach(), expected["d_total"])
    total.backward()
    check_norms(expected["grad_norms"], network, expected["total_grad_norm"])


@pytest.mark.parametrize("mode", MODES)
def test_r1_phase(networks, mode):
    expected, network = networks[3][mode]["r1"], fresh(networks, mode)
    real = golden.images(4, 32).double().requires_grad_(True)
    r1 = losses.r1_penalty(network(real), real)
    close(r1.detach(), expected["r1"])
    term = R1_GAMMA / 2 * r1 * R1_INTERVAL
    close(term.detach(), expected["r1_term"])
    term.backward()
    check_norms(expected["grad_norms"], network, expected["total_grad_norm"])


@pytest.mark.parametrize("mode", MODES)
def test_generator_phase(networks, mode):
    generator, expected = networks[0], networks[3][mode]["g"]
    network = fresh(networks, mode).requires_grad_(False)
    generator.zero_grad(set_to_none=True)
    loss = losses.generator_loss(network(images_of(generator, 8)))
    close(loss.detach(), expected["g_nonsaturating"])
    loss.backward()
    assert all(p.grad is None for p in network.parameters())
    check_norms(expected["grad_norms"], generator, expected["total_grad_norm"])
