"""The rounds of StyleGAN2's step: their order, what each minimises, and the gradients that they give."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from baselines.stylegan2 import FAMILY
from baselines.stylegan2.objective import cutoff, styles
from stylenat.core.errors import InputError
from stylenat.core.seeds import latents
from stylenat.objectives import Batch

ARCH = {"resolution": 16, "channel_base": 256, "channel_max": 16, "z_dim": 8, "w_dim": 8, "mapping_layers": 2}
SEED = 5


@pytest.fixture
def batch():
    torch.manual_seed(0)
    generator = FAMILY.build_generator(ARCH).double().train()
    discriminator = FAMILY.build_discriminator(ARCH).double().train()
    real = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    return Batch(generator, discriminator, real, range(12, 16), SEED, nimg=12)


def objective(**options):
    return FAMILY.build_objective({"r1_gamma": 2.0, **options})


def run(batch, phase):
    """A phase as the loop runs it; the gradients of the network that learns."""
    learner, other = batch.generator, batch.discriminator
    if phase.part == "discriminator":
        learner, other = other, learner
    learner.requires_grad_(True).zero_grad(set_to_none=True)
    other.requires_grad_(False).zero_grad(set_to_none=True)
    torch.manual_seed(1)
    loss, values = phase.losses(batch)
    loss.backward()
    assert all(parameter.grad is None for parameter in other.parameters())
    return loss, values, {name: parameter.grad for name, parameter in learner.named_parameters()}


def phase_of(made, name):
    return next(phase for phases in made.rounds for phase in phases if phase.name == name)


def test_rounds_stand_in_the_official_order():
    made = objective(path_length_interval=8)
    found = [[(phase.name, phase.part, phase.interval) for phase in phases] for phases in made.rounds]
    assert found == [
        [("g", "generator", 1)],
        [("path", "generator", 8)],
        [("d", "discriminator", 1)],
        [("r1", "discriminator", 16)],
    ]
    assert made.lazy_interval == {"generator": 8, "discriminator": 16}


def test_a_weight_of_zero_switches_a_regulariser_off():
    made = objective(r1_gamma=0, path_length_weight=0)
    assert [[phase.name for phase in phases] for phases in made.rounds] == [["g"], ["d"]]
    assert made.lazy_interval == {"generator": 1, "discriminator": 1}


@pytest.mark.parametrize("name", ["g", "path", "d", "r1"])
def test_every_trainable_parameter_gets_a_finite_gradient(batch, name):
    loss, values, gradients = run(batch, phase_of(objective(), name))
    assert loss.isfinite()
    assert all(value.ndim == 0 and value.isfinite() for value in values.values())
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    idle = {key for key, gradient in gradients.items() if not gradient.any()}
    # Lengths do not depend on the images' own biases; nor R1 on biases behind all that is not linear by pieces.
    expected = {
        "path": {f"synthesis.b{side}.torgb.bias" for side in (4, 8, 16)},
        "r1": {"b4.conv.bias", "b4.fc.bias", "b4.out.bias"},
    }
    assert idle == expected.get(name, set())


def test_losses_are_those_of_the_paper(batch):
    made, generator, discriminator = objective(style_mixing=0), batch.generator, batch.discriminator
    torch.manual_seed(1)
    expected = F.softplus(-discriminator(generator(latents(SEED, range(12, 16), 8, "train-g")).double())).mean()
    assert run(batch, phase_of(made, "g"))[0].item() == pytest.approx(expected.item(), rel=1e-6)
    torch.manual_seed(1)
    fake = generator(latents(SEED, range(12, 16), 8, "train-d")).double()
    expected = F.softplus(discriminator(fake)).mean() + F.softplus(-discriminator(batch.real_BCHW)).mean()
    assert run(batch, phase_of(made, "d"))[0].item() == pytest.approx(expected.item(), rel=1e-6)


def test_r1_is_the_squared_slope_at_real_images(batch):
    loss, values, _ = run(batch, phase_of(objective(r1_gamma=3.0, r1_interval=7), "r1"))
    direction = torch.randn_like(batch.real_BCHW)
    real = batch.real_BCHW.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(batch.discriminator(real).sum(), real)
    step = 1e-6
    ahead, behind = (batch.discriminator(real + sign * step * direction).sum() for sign in (1, -1))
    assert ((ahead - behind) / (2 * step)).item() == pytest.approx((slope * direction).sum().item(), rel=1e-6)
    assert values["r1"].item() == pytest.approx(slope.square().sum().item() / 4)
    assert loss.item() == pytest.approx(3 / 2 * 7 * values["r1"].item())


def test_path_length_takes_half_the_batch_and_moves_its_mean(batch):
    made = objective(path_length_weight=3, path_length_interval=5, path_length_decay=0.5)
    seen = []
    batch.generator.synthesis.register_forward_hook(lambda _, args, __: seen.append(args[0].shape))
    loss, values, _ = run(batch, phase_of(made, "path"))
    assert seen == [(2, 6, 8)]
    assert loss.item() == pytest.approx(15 * values["path_penalty"].item())
    assert made.path_length.mean.item() == pytest.approx(0.5 * values["path_length"].item())
    assert made.state_dict().keys() == {"path_length.mean"}
    single = Batch(batch.generator, batch.discriminator, batch.real_BCHW[:1], range(1), SEED, 0)
    run(single, phase_of(made, "path"))
    assert seen[1] == (1, 6, 8)


def test_the_path_gradient_is_that_of_finite_differences(batch):
    batch.generator.eval()  # constant noise; the lengths' own is seeded
    made = objective()
    _, _, gradients = run(batch, phase_of(made, "path"))
    for name in ("synthesis.b4.const", "synthesis.b8.conv0.weight", "synthesis.b16.conv1.affine.weight"):
        parameter, direction = batch.generator.get_parameter(name), torch.randn_like(gradients[name])
        sides = []
        for sign in (1, -1):
            moved = copy.deepcopy(batch.generator)
            with torch.no_grad():
                moved.get_parameter(name).copy_(parameter + sign * 1e-6 * direction)
            other = Batch(moved, batch.discriminator, batch.real_BCHW, batch.places, SEED, 12)
            torch.manual_seed(1)
            sides.append(phase_of(objective(), "path").losses(other)[0].item())
        slope = (sides[0] - sides[1]) / 2e-6
        assert slope == pytest.approx((gradients[name] * direction).sum().item(), rel=1e-4)


def test_mixed_styles_change_at_a_layer_of_their_own(batch):
    generator = batch.generator
    first, second = (
        generator.mapping(latents(SEED, range(12, 16), 8, stream).double()) for stream in ("train-g", "train-g-mix")
    )
    found = styles(batch, "train-g", mixing=1.0)
    for row, place in enumerate(batch.places):
        layer = cutoff(SEED, "train-g-cutoff", place, 1.0, 6)
        assert 1 <= layer <= 5
        torch.testing.assert_close(found[row, :layer], first[row].expand(layer, -1))
        torch.testing.assert_close(found[row, layer:], second[row].expand(6 - layer, -1))
    torch.testing.assert_close(styles(batch, "train-g", mixing=0.0), first[:, None].expand(-1, 6, -1))
    torch.testing.assert_close(styles(batch, "train-g", 1.0, count=2), found[:2])


def test_every_phase_draws_latents_of_its_own_stream_and_noise(batch):
    given, noises = [], []
    batch.generator.mapping.register_forward_hook(lambda _, args, __: given.append(args[0]))
    batch.generator.synthesis.register_forward_hook(lambda _, args, __: noises.append(args[1]))
    made = objective()
    for name, count in (("g", 4), ("path", 2), ("d", 4)):
        given.clear()
        run(batch, phase_of(made, name))
        for found, stream in zip(given, (f"train-{name}", f"train-{name}-mix"), strict=True):
            assert torch.equal(found, latents(SEED, range(12, 12 + count), 8, stream))
    assert noises == ["random"] * 3


def test_cutoffs_are_uniform_and_as_frequent_as_the_probability():
    found = np.bincount([cutoff(1, "s", place, 0.75, 6) for place in range(4000)], minlength=7)
    assert found[0] == 0
    assert found[6] / 4000 == pytest.approx(0.25, abs=0.03)
    assert found[1:6] / 4000 == pytest.approx(np.full(5, 0.15), abs=0.03)


def test_the_mean_style_follows_unmixed_styles_in_training_alone(batch):
    mapping = batch.generator.mapping
    w = mapping(latents(SEED, range(12, 16), 8, "train-d").double())
    run(batch, phase_of(objective(), "d"))
    torch.testing.assert_close(mapping.w_avg, 0.005 * w.mean(dim=0).detach())
    before = mapping.w_avg.clone()
    batch.generator.eval()
    run(batch, phase_of(objective(), "d"))
    assert torch.equal(mapping.w_avg, before)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "objective: r1_gamma: Field required"),
        ({"r1_gamma": -1}, "objective: r1_gamma"),
        ({"r1_gamma": 1, "style_mixing": 1.5}, "objective: style_mixing"),
        ({"r1_gamma": 1, "r1_intervall": 4}, "unknown key 'r1_intervall'; did you mean 'r1_interval'"),
    ],
)
def test_options_that_can_not_be_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        FAMILY.build_objective(options)
