"""One whole iteration of the official loop, at 32 px and full width, from the same weights; see golden/README.md.

The numbers compared with are the official ones in float64; the tolerances are what float32 costs the official code.
"""

import pytest
import torch
from support import golden, training

from stylenat.network import FAMILY
from stylenat.training import ema
from stylenat.training.step import Trainer

ARCH = {"resolution": 32, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
SPEC = golden.load("train-stylenat-32")[0]
EXPECTED, CONSTANTS = SPEC["full_iteration_fp64"], SPEC["constants"]
LOSS, NORM, AFTER_STEPS = 1e-4, 2e-3, 1e-2  # Adam's first steps have the size of the rate: signs of small gradients


@pytest.fixture
def trainer(monkeypatch):
    """The official constants and golden weights; the augmentation is a flip, so that nothing is random."""
    card = training.card(
        generator={"lr": CONSTANTS["G_lr"]},
        discriminator={"lr": 2e-4},
        r1_gamma=CONSTANTS["r1"],
        r1_interval=CONSTANTS["d_reg_every"],
        bcr_real=CONSTANTS["bcr_real_lambda"],
        bcr_fake=CONSTANTS["bcr_fake_lambda"],
        clip_d_grad_norm=CONSTANTS["clip"],
        ema_half_life_nimg=None,
        ema_decay_per_step=CONSTANTS["ema_decay"],
    )
    made = Trainer(FAMILY, ARCH, card, torch.device("cpu"))
    for network in (made.generator, made.average):
        network.load_state_dict(golden.generator_state(SPEC["params_g"]))
    shapes = {name: tuple(value.shape) for name, value in made.discriminator.state_dict().items()}
    made.discriminator.load_state_dict(golden.discriminator_values(shapes))
    monkeypatch.setattr(made, "_augmented", lambda image_BCHW, *_: image_BCHW.flip(3))
    return made


def weights(network):
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def moved(network, before, expected):
    after = weights(network)
    return {name: float((after[name] - before[name]).norm()) for name in expected}


def near(expected, tolerance):
    return pytest.approx(expected, rel=tolerance)


def test_a_whole_iteration_is_the_official_one(trainer):
    adams = (trainer.g_adam, "G_lr", "betas_g"), (trainer.d_adam, "D_lr", "betas_d")
    for adam, rate, betas in adams:
        assert adam.param_groups[0]["lr"] == near(CONSTANTS[rate], 1e-9)
        assert adam.param_groups[0]["betas"] == near(tuple(CONSTANTS[betas]), 1e-9)
    before_d, before_g = weights(trainer.discriminator), weights(trainer.generator)
    real_BCHW = golden.images(4, 32)
    values = trainer.d_phase(real_BCHW, golden.latents(4, 512), range(4))
    total = values["loss_d"] + CONSTANTS["bcr_fake_lambda"] * (values["bcr_fake"] + values["bcr_real"])
    assert total == near(EXPECTED["d_total"], LOSS)
    assert values["grad_norm_d"] == near(EXPECTED["d_grad_norm_before_clip"], NORM)
    expected = EXPECTED["d_delta_norms_after_main_step"]
    assert moved(trainer.discriminator, before_d, expected) == near(expected, NORM)
    assert trainer.r1_phase(real_BCHW)["r1"] == near(EXPECTED["r1"], 10 * LOSS)
    expected = EXPECTED["d_delta_norms_after_r1_step"]
    assert moved(trainer.discriminator, before_d, expected) == near(expected, NORM)
    assert trainer.g_phase(golden.latents(4, 512, seed=8))["loss_g"] == near(EXPECTED["g_loss"], 10 * LOSS)
    expected = EXPECTED["g_delta_norms"]
    assert moved(trainer.generator, before_g, expected) == near(expected, AFTER_STEPS)
    ema.update(trainer.average, trainer.generator, trainer.decay)
    # Larger weights lose the average's small move to float32.
    small = {n: v for n, v in EXPECTED["ema_delta_norms"].items() if n.endswith(("qkv.weight", "fc1.weight"))}
    assert moved(trainer.average, before_g, small) == near(small, AFTER_STEPS)
