"""One whole iteration of the official loop, at 32 px and full width, from the same weights; see golden/README.md.

The numbers compared with are the official ones in float64; the tolerances are what float32 costs the official code.
"""

import pytest
import torch
from support import golden, training

from baselines import styleswin
from baselines.styleswin.checkpoint import own_name
from stylenat import network as stylenat
from stylenat.objectives import Batch
from stylenat.training import ema
from stylenat.training.step import Trainer

LOSS, NORM, AFTER_STEPS = 1e-4, 2e-3, 1e-2  # Adam's first steps have the size of the rate: signs of small gradients
ARCH = {"resolution": 32}
CASES = {
    "stylenat": (stylenat, {**ARCH, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}),
    "styleswin": (styleswin, ARCH),
}


class GoldenBatch(Batch):
    """The official iteration's inputs."""

    def latents(self, stream, count=None):
        return golden.latents(4, 512, seed={"train-d": 7, "train-g": 8}[stream])


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    """A trainer at the official constants and golden weights; the augmentation is a flip, so that nothing is random."""
    family, arch = CASES[request.param]
    spec = golden.load(f"train-{request.param}-32")[0]
    constants = spec["constants"]
    card = training.card(
        generator={"lr": constants["G_lr"]},
        discriminator={"lr": 2e-4},
        objective={
            "r1_gamma": constants["r1"],
            "r1_interval": constants["d_reg_every"],
            "bcr_real": constants["bcr_real_lambda"],
            "bcr_fake": constants["bcr_fake_lambda"],
            "clip_d_grad_norm": constants["clip"],
        },
        ema_half_life_nimg=None,
        ema_decay_per_step=constants["ema_decay"],
    )
    made = Trainer(family.FAMILY, arch, card, torch.device("cpu"))
    for network in (made.generator, made.average):
        network.load_state_dict(own_names(golden.generator_state(spec["params_g"])))
    shapes = {name: tuple(value.shape) for name, value in made.discriminator.state_dict().items()}
    made.discriminator.load_state_dict(golden.discriminator_values(shapes))
    monkeypatch.setattr(made.objective, "augmented", lambda image_BCHW, *_: image_BCHW.flip(3))
    return made, spec["full_iteration_fp64"], constants


def own_names(named):
    return {own_name(name): value for name, value in named.items()}


def weights(network):
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def moved(network, before, expected):
    after = weights(network)
    return {name: float((after[name] - before[name]).norm()) for name in expected}


def near(expected, tolerance):
    return pytest.approx(expected, rel=tolerance)


def test_a_whole_iteration_is_the_official_one(case):
    trainer, expected, constants = case
    adams = (trainer.g_adam, "G_lr", "betas_g"), (trainer.d_adam, "D_lr", "betas_d")
    for adam, rate, betas in adams:
        assert adam.param_groups[0]["lr"] == near(constants[rate], 1e-9)
        assert adam.param_groups[0]["betas"] == near(tuple(constants[betas]), 1e-9)
    before_d, before_g = weights(trainer.discriminator), weights(trainer.generator)
    batch = GoldenBatch(trainer.generator, trainer.discriminator, golden.images(4, 32), range(4), 0, 0)
    d_round, r1_round, g_round = trainer.objective.rounds
    values = trainer.run_round(d_round, [batch])
    total = values["loss_d"] + constants["bcr_fake_lambda"] * (values["bcr_fake"] + values["bcr_real"])
    assert total == near(expected["d_total"], LOSS)
    assert values["grad_norm_d"] == near(expected["d_grad_norm_before_clip"], NORM)
    after = expected["d_delta_norms_after_main_step"]
    assert moved(trainer.discriminator, before_d, after) == near(after, NORM)
    assert trainer.run_round(r1_round, [batch])["r1"] == near(expected["r1"], 10 * LOSS)
    after = expected["d_delta_norms_after_r1_step"]
    assert moved(trainer.discriminator, before_d, after) == near(after, NORM)
    assert trainer.run_round(g_round, [batch])["loss_g"] == near(expected["g_loss"], 10 * LOSS)
    after = own_names(expected["g_delta_norms"])
    assert moved(trainer.generator, before_g, after) == near(after, AFTER_STEPS)
    trainer.averaging.update(ema.decay_at(trainer.card, 0))
    # Larger weights lose the average's small move to float32.
    small = {
        n: v for n, v in own_names(expected["ema_delta_norms"]).items() if n.endswith(("qkv.weight", "fc1.weight"))
    }
    assert moved(trainer.average, before_g, small) == near(small, AFTER_STEPS)
