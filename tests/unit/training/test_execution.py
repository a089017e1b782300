"""Ways to run the same formulas: recomputed levels, bfloat16, another memory format."""

import pytest
import torch
from support.training import Noise, card
from support.trainings import SMALL

from stylenat.core.registry import load_family
from stylenat.training.step import Trainer

CPU = torch.device("cpu")
FAMILIES = {
    "stylenat": SMALL["stylenat"],
    "styleswin": {
        "family": "baselines.styleswin",
        "arch": {"resolution": 16, "max_channels": 16, "style_dim": 16, "mapping_layers": 2},
        "card": {},
    },
    "stylegan2": SMALL["stylegan2"],
    "hit": {
        "family": "baselines.hit",
        "arch": {
            "resolution": 16,
            "z_dim": 16,
            "channels": [16, 16],
            "layers": [1, 1],
            "heads": [4, 4],
            "patches": [4, 0],
            "rgb_stages": 1,
        },
        "card": {"objective": {"r1_gamma": 1, "bcr_weight": 1}},
    },
}
IN_TURN = [*(name for name in FAMILIES if name != "hit"), pytest.param("hit", marks=pytest.mark.long)]


def stepped(name, steps=2, **changes):
    """Losses of some steps, and the trainer."""
    chosen = FAMILIES[name]
    trainer = Trainer(load_family(chosen["family"]), chosen["arch"], card(**{**chosen["card"], **changes}), CPU)
    images = Noise(resolution=16)
    return [trainer.iterate(images, flips=False) for _ in range(steps)], trainer


@pytest.mark.parametrize("name", IN_TURN)
def test_recomputed_levels_give_the_same_losses(name):
    expected, _ = stepped(name)
    found, trainer = stepped(name, recompute_from_px=4)
    for line, other in zip(found, expected, strict=True):
        assert line == pytest.approx(other, rel=1e-5, abs=1e-8)
    sides = [side for side, _ in trainer.generator.levels()]
    assert sides == sorted(sides)
    assert sides[-1] == 16


@pytest.mark.parametrize("name", IN_TURN)
def test_bfloat16_stays_near_and_what_is_differentiated_twice_is_exact(name):
    expected, _ = stepped(name, steps=1)
    found, _ = stepped(name, steps=1, precision="bf16")
    for key, value in expected[0].items():
        assert found[0][key] == pytest.approx(value, rel=0.1, abs=0.05), key
    assert found[0] != expected[0]


@pytest.mark.parametrize("name", ["stylenat", "stylegan2"])
def test_channels_last_gives_the_same_losses_and_states(name):
    expected, plain = stepped(name)
    found, trainer = stepped(name, channels_last=True)
    for line, other in zip(found, expected, strict=True):
        assert line == pytest.approx(other, rel=1e-4, abs=1e-7)
    for key, value in plain.discriminator.state_dict().items():
        torch.testing.assert_close(trainer.discriminator.state_dict()[key], value, rtol=1e-3, atol=1e-4)


def test_bfloat16_reaches_the_attention_and_leaves_the_image_in_float32():
    _, trainer = stepped("stylenat", steps=1, precision="bf16")
    seen = []
    attention = trainer.generator.layers[-1].blocks[0].attn
    attention.qkv.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        image = trainer.generator(torch.randn(2, trainer.generator.spec.z_dim))
    assert seen == [torch.bfloat16]
    assert image.dtype == torch.float32
