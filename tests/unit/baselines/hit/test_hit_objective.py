"""HiT's step against one written by hand: one batch of fakes, one state of both networks, two gradients."""

import copy

import pytest
import torch
import torch.nn.functional as F
from support.training import card

from baselines.hit import FAMILY
from stylenat.core.errors import InputError
from stylenat.core.seeds import latents
from stylenat.objectives import Batch, augment
from stylenat.training.step import Trainer

ARCH = {
    "resolution": 16,
    "channels": [16, 8],
    "layers": [1, 1],
    "heads": [4, 2],
    "patches": [4, 0],
    "rgb_stages": 2,
    "z_dim": 8,
    "max_channels": 16,
}
SEED, PLACES = 3, range(12, 16)
ADAM = {"lr": 5e-5, "betas": (0.0, 0.99)}


@pytest.fixture
def trainer():
    recipe = card(objective={}, generator={"lr": ADAM["lr"]}, discriminator={"lr": ADAM["lr"]}, seed=SEED)
    found = Trainer(FAMILY, ARCH, recipe, torch.device("cpu"))
    torch.manual_seed(0)
    with torch.no_grad():
        for network in (found.generator, found.discriminator):
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return found


@pytest.fixture
def batch(trainer):
    real = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return Batch(trainer.generator, trainer.discriminator, real, PLACES, SEED, nimg=12)


def objective(**options):
    return FAMILY.build_objective(options)


def squared_slopes(network, real, create_graph=False):
    """The squared norm of the logit's gradient, image by image."""
    found = []
    for image in real:
        image = image[None].clone().requires_grad_(True)
        found.append(torch.autograd.grad(network(image).sum(), image, create_graph=create_graph)[0].square().sum())
    return torch.stack(found)


def augmented(image, stream):
    """Colour, then the shift, then the square; no mirror."""
    chosen = augment.draw(SEED, stream, PLACES, 16)
    column = {name: getattr(chosen, f"{name}_B").view(-1, 1, 1, 1) for name in ("brightness", "saturation", "contrast")}
    image = image + column["brightness"]
    mean = image.mean(1, keepdim=True)
    image = mean + column["saturation"] * (image - mean)
    mean = image.mean((1, 2, 3), keepdim=True)
    image = mean + column["contrast"] * (image - mean)
    out = torch.zeros_like(image)
    for index, (down, right) in enumerate(chosen.shift_B2.tolist()):
        padded = F.pad(image[index], (2, 2, 2, 2))  # an eighth of 16 px
        out[index] = padded[:, 2 - down : 18 - down, 2 - right : 18 - right]
        row, column_px = chosen.cutout_B2[index].tolist()
        out[index, :, max(row - 4, 0) : row + 4, max(column_px - 4, 0) : column_px + 4] = 0
    return out


def by_hand(generator, discriminator, real):
    """The gradients of both networks and the losses' values."""
    fake = generator(latents(SEED, PLACES, 8, "train-g"))
    loss_g = F.softplus(-discriminator(fake)).mean()
    g_gradients = torch.autograd.grad(loss_g, list(generator.parameters()))
    fake = fake.detach()
    values = {
        "loss_g": loss_g,
        "loss_d": F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean(),
        "r1": squared_slopes(discriminator, real, create_graph=True).mean(),
        "bcr_fake": (discriminator(augmented(fake, "bcr_fake")) - discriminator(fake)).square().mean(),
        "bcr_real": (discriminator(augmented(real, "bcr_real")) - discriminator(real)).square().mean(),
    }
    total = values["loss_d"] + 10 * values["r1"] + 10 * values["bcr_fake"] + 10 * values["bcr_real"]
    return g_gradients, torch.autograd.grad(total, list(discriminator.parameters())), values


def test_a_step_is_the_simultaneous_update_written_by_hand(trainer, batch):
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    g_gradients, d_gradients, expected = by_hand(generator, discriminator, batch.real_BCHW)
    values = trainer.run_round(trainer.objective.rounds[0], [batch])
    for name, value in expected.items():
        assert values[name] == pytest.approx(value.item(), rel=1e-4), name
    for network, copied, gradients in (
        (trainer.generator, generator, g_gradients),
        (trainer.discriminator, discriminator, d_gradients),
    ):
        scale = max(gradient.abs().max() for gradient in gradients)
        adam = torch.optim.Adam(copied.parameters(), **ADAM)
        pairs = zip(network.named_parameters(), copied.parameters(), gradients, strict=True)
        for (name, parameter), copied_parameter, gradient in pairs:
            assert (parameter.grad - gradient).abs().max() < 1e-5 * scale, name
            copied_parameter.grad = parameter.grad.clone()
        adam.step()
        for parameter, copied_parameter in zip(network.parameters(), copied.parameters(), strict=True):
            torch.testing.assert_close(parameter, copied_parameter)
    # The copy made its images once as well: the running statistics have moved by one step.
    for moved, copied_buffer in zip(trainer.generator.buffers(), generator.buffers(), strict=True):
        torch.testing.assert_close(moved, copied_buffer)


def test_images_are_made_once_and_the_discriminator_sees_nothing_of_their_graph(trainer, batch):
    made, seen = [], []
    trainer.generator.register_forward_hook(lambda *_: made.append(1))
    trainer.discriminator.register_forward_hook(lambda _, args, __: seen.append((args[0].requires_grad, len(args[0]))))
    trainer.run_round(trainer.objective.rounds[0], [batch])
    assert len(made) == 1
    count = len(batch.places)
    # The generator's call; then fakes, augmented fakes and augmented reals at once, and reals, for R1.
    assert seen == [(True, count), (False, 3 * count), (True, count)]


def test_one_round_of_both_networks_at_plain_rates():
    made = objective()
    assert [[(phase.name, phase.part, phase.interval) for phase in phases] for phases in made.rounds] == [
        [("g", "generator", 1), ("d", "discriminator", 1)]
    ]
    assert made.lazy_interval == {"generator": 1, "discriminator": 1}


def d_losses(batch, **options):
    made = objective(**options)
    made.generator_losses(batch)
    return made.discriminator_losses(batch)


def test_r1_counts_gamma_times_the_mean_squared_slope(batch):
    total, values = d_losses(batch, r1_gamma=3, bcr_weight=0)
    slopes = squared_slopes(batch.discriminator, batch.real_BCHW)
    assert values["r1"].item() == pytest.approx(slopes.mean().item(), rel=1e-5)
    assert (total - values["loss_d"]).item() == pytest.approx(3 * slopes.mean().item(), rel=1e-4)


def test_weights_of_zero_switch_regularisers_off(batch):
    total, values = d_losses(batch, r1_gamma=0, bcr_weight=0)
    assert values.keys() == {"loss_d"}
    assert total is values["loss_d"]
    total, values = d_losses(batch, r1_gamma=0, bcr_weight=2)
    expected = values["loss_d"] + 2 * (values["bcr_fake"] + values["bcr_real"])
    assert total.item() == pytest.approx(expected.item())


def test_every_parameter_gets_a_finite_gradient(trainer, batch):
    trainer.run_round(trainer.objective.rounds[0], [batch])
    for network in (trainer.generator, trainer.discriminator):
        assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert all(parameter.grad.any() for parameter in trainer.discriminator.parameters())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"r1_gamma": -1}, "objective: r1_gamma"),
        ({"bcr_weight": "much"}, "objective: bcr_weight"),
        ({"r1_interval": 16}, "objective: unknown key 'r1_interval'"),
    ],
)
def test_options_that_can_not_be_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        FAMILY.build_objective(options)
