"""StyleGAN-XL's objective: hinge losses and their scaling, blur, path length, and training steps that learn."""

import math

import pytest
import torch
from torch import nn

from baselines.stylegan_xl import FAMILY
from baselines.stylegan_xl.objective import blur
from stylenat.core.errors import InputError
from stylenat.objectives import Batch

STEM = {"resolution": 16, "channel_max": 4, "w_dim": 16, "z_dim": 8}
STAGE = {**STEM, "resolution": 32, "up_factors": [2]}


class TwoNetworks(nn.Module):
    """A stand-in for the projected discriminator: two sets of logits of unequal size."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen = []

    def logits(self, image_BCHW):
        self.seen.append(image_BCHW)
        x = image_BCHW.mean(dim=1).flatten(1) * self.scale
        return [x[:, :2], x[:, 2:7]]


def batch_of(arch, nimg=10**6, size=4):
    torch.manual_seed(0)
    generator = FAMILY.build_generator(arch)
    real = torch.randn(size, 3, arch["resolution"], arch["resolution"])
    return Batch(generator, TwoNetworks(), real, range(size), seed=0, nimg=nimg)


def phases(objective):
    return [[phase.name for phase in phases] for phases in objective.rounds]


def test_rounds_and_lazy_intervals():
    objective = FAMILY.build_objective({})
    assert phases(objective) == [["g"], ["path"], ["d"]]
    assert objective.lazy_interval == {"generator": 4, "discriminator": 16}
    path = objective.rounds[1][0]
    assert [path.is_due(step, 10**6) for step in range(5)] == [True, False, False, False, True]
    assert not path.is_due(4, 999_999)
    assert phases(FAMILY.build_objective({"path_length_weight": 0})) == [["g"], ["d"]]
    with pytest.raises(InputError, match="unknown key 'blur'"):
        FAMILY.build_objective({"blur": 2})


@pytest.mark.parametrize("summed", [True, False])
def test_hinge_losses_are_means_over_places_summed_over_samples_and_networks(summed):
    objective, batch = FAMILY.build_objective({"summed": summed}), batch_of(STEM)
    _, values = objective.d_losses(batch)
    fake, real = batch.discriminator.seen
    for name, image, sign in (("loss_d_fake", fake, 1), ("loss_d_real", real, -1)):
        means = [(1 + sign * x).clamp(min=0).mean(dim=1) for x in batch.discriminator.logits(image)]
        expected = sum(x.sum() for x in means) / (1 if summed else 8)
        torch.testing.assert_close(values[name], expected)
    torch.testing.assert_close(values["loss_d"], values["loss_d_fake"] + values["loss_d_real"])
    loss, _ = objective.g_losses(batch)
    terms = batch.discriminator.logits(batch.discriminator.seen[-1])
    expected = -sum(x.mean(dim=1).sum() for x in terms) / (1 if summed else 8)
    torch.testing.assert_close(loss, expected)


def test_the_phases_draw_from_streams_of_their_own():
    objective, batch = FAMILY.build_objective({}), batch_of(STEM)
    batch.generator.eval()
    with torch.no_grad():
        objective.d_losses(batch)
        objective.g_losses(batch)
        for found, stream in ((batch.discriminator.seen[0], "train-d"), (batch.discriminator.seen[2], "train-g")):
            torch.testing.assert_close(found, batch.generator(batch.latents(stream)))


def test_the_mean_style_moves_in_the_d_phase_alone():
    objective, batch = FAMILY.build_objective({}), batch_of(STEM)
    mapping = batch.generator.mapping
    objective.g_losses(batch)
    objective.path_losses(batch)
    assert mapping.w_avg.abs().max() == 0
    objective.d_losses(batch)
    expected = 0.002 * mapping(batch.latents("train-d")).mean(dim=0)
    torch.testing.assert_close(mapping.w_avg, expected.detach())


def test_the_path_length_is_of_half_a_batch_and_reaches_every_layer():
    objective, batch = FAMILY.build_objective({"path_length_weight": 3}), batch_of(STEM)
    torch.manual_seed(5)
    total, values = objective.path_losses(batch)
    torch.testing.assert_close(total, 3 * values["path_penalty"])
    total.backward()
    for name, parameter in batch.generator.named_parameters():
        if parameter.requires_grad and not name.endswith("_3.bias"):  # what is added to the image moves with no style
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0 or name.endswith("input.affine.weight"), name
    torch.manual_seed(5)
    w = batch.generator.per_layer(batch.generator.mapping(batch.latents("train-path", 2)))
    image = batch.generator.synthesis(w)
    (gradient,) = torch.autograd.grad((image * torch.randn_like(image)).sum() / 16, w)
    length = gradient.square().sum(dim=2).mean(dim=1).sqrt().mean()
    torch.testing.assert_close(values["path_length"].detach(), length)
    torch.testing.assert_close(objective.path_length.mean, 0.01 * length)


def test_path_length_of_a_stage_is_refused():
    with pytest.raises(InputError, match=r"path_length_weight is 2.0, expected 0"):
        FAMILY.build_objective({}).g_losses(batch_of(STAGE))
    loss, _ = FAMILY.build_objective({"path_length_weight": 0}).g_losses(batch_of(STAGE))
    assert loss.isfinite()


def test_the_blur_is_its_definition_and_fades():
    image = torch.zeros(1, 3, 21, 21)
    image[0, 1, 10, 10] = 1
    found = blur(image, 2.0)[0]
    assert found[0].abs().max() == found[2].abs().max() == 0
    assert found[1].sum() == pytest.approx(1)
    assert (found[1, 10, 4:17] > 0).all()
    assert found[1, 10, 3] == 0  # beyond 3 sigma
    assert found[1, 10, 12] / found[1, 10, 10] == pytest.approx(0.5)
    assert found[1, 13, 10] / found[1, 10, 10] == pytest.approx(2 ** -(1.5**2), rel=1e-4)
    objective = FAMILY.build_objective({})
    halfway = objective.blurred(image, 150_000)
    torch.testing.assert_close(halfway, blur(image, 1.0))
    assert torch.equal(objective.blurred(image, 300_000), image)
    assert torch.equal(blur(image, 0.3), image)


@pytest.mark.parametrize("arch", [STEM, STAGE], ids=["stem", "stage"])
def test_steps_with_the_projected_discriminator_learn(arch):
    options = {"path_length_weight": 2.0 if arch is STEM else 0.0}
    objective, batch = FAMILY.build_objective(options), batch_of(arch, nimg=0, size=2)
    features = {"deit": "tiny", "feature_px": 128, "features": {"random_seed": 0}}
    batch.discriminator = FAMILY.build_discriminator({**arch, **features}).train()
    networks = {"generator": batch.generator, "discriminator": batch.discriminator}
    for phase in (phase for phases in objective.rounds for phase in phases):
        learned = [p for p in networks[phase.part].parameters() if p.requires_grad]
        total, values = phase.losses(batch)
        gradients = torch.autograd.grad(total, learned, allow_unused=True)
        norms = [float(g.norm()) for g in gradients if g is not None]
        assert len(norms) >= len(learned) - 1
        assert all(math.isfinite(norm) for norm in norms)
        assert sum(norms) > 0
        assert all(value.isfinite() for value in values.values())
