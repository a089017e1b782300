"""The estimate of memory: what a step truly holds, found without touching the training."""

import pytest
import torch
from support.training import ARCH, Family, Noise, card
from support.trainings import SMALL

from stylenat.core.registry import load_family
from stylenat.objectives import Batch
from stylenat.training import memory
from stylenat.training.loop import Recipe, train
from stylenat.training.step import Trainer

CPU = torch.device("cpu")


def trainer_of(name, **changes):
    chosen = SMALL[name]
    family = Family() if name == "toy" else load_family(chosen["family"])
    return Trainer(family, chosen["arch"], card(**{**chosen["card"], **changes}), CPU)


def held(trainer, phase):
    """Bytes that the phase really holds at its peak, counted on tensors with numbers."""
    spec = trainer.generator.spec
    with memory._Live() as live:
        real_BCHW = torch.zeros(4, 3, spec.resolution, spec.resolution)
        batch = Batch(trainer.generator, trainer.discriminator, real_BCHW, range(4), 0, 0)
        trainer.gradient_of(phase, batch)
        return live.peak


@pytest.mark.parametrize("name", ["stylenat", "stylegan2"])
def test_the_estimate_is_what_a_step_holds(name):
    trainer = trainer_of(name)
    needed = memory.estimate(trainer)
    real = {phase.name: held(trainer_of(name), phase) for phases in trainer.objective.rounds for phase in phases}
    assert max(real, key=real.get) == needed.peak_phase
    assert needed.peak - needed.lasting == pytest.approx(real[needed.peak_phase], rel=0.1)


def test_what_stays_is_weights_their_average_and_two_moments():
    trainer = trainer_of("toy")
    learned = {part: sum(p.numel() for p in net.parameters()) for part, net in trainer._networks()}
    buffers = sum(b.numel() for net in (trainer.generator, trainer.discriminator) for b in net.buffers())
    expected = 4 * (4 * learned["generator"] + 3 * learned["discriminator"] + buffers)
    assert memory.estimate(trainer).lasting == expected


def test_recomputing_and_smaller_passes_need_less():
    whole = memory.estimate(trainer_of("stylenat")).peak
    assert memory.estimate(trainer_of("stylenat", pass_size=1)).peak < whole
    assert memory.estimate(trainer_of("stylenat", recompute_from_px=8)).peak < whole


def test_an_estimate_changes_nothing(tmp_path):
    for name in ("toy", "stylenat"):
        asked, other = trainer_of(name), trainer_of(name)
        state = torch.get_rng_state()
        memory.estimate(asked)
        assert torch.equal(torch.get_rng_state(), state)
        images = Noise(resolution=SMALL[name].get("resolution", 8))
        assert asked.iterate(images, flips=False) == other.iterate(images, flips=False)
        for part in ("generator", "discriminator", "average"):
            for key, value in getattr(other, part).state_dict().items():
                assert torch.equal(getattr(asked, part).state_dict()[key], value), key


def test_the_estimate_is_kept_for_the_same_step_and_made_again_for_another(tmp_path, monkeypatch):
    recipe = Recipe(Family(), ARCH, card(), Noise(), flips=False)
    train(recipe, tmp_path, CPU, stop_at_nimg=4)
    monkeypatch.setattr(memory, "estimate", lambda trainer: pytest.fail("estimated again"))
    train(recipe, tmp_path, CPU, stop_at_nimg=8)
    with pytest.raises(pytest.fail.Exception, match="estimated again"):
        train(Recipe(Family(), ARCH, card(precision="bf16"), Noise(), flips=False), tmp_path, CPU, stop_at_nimg=8)


def test_what_is_available_is_no_more_than_a_control_group_allows(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text(str(2**50))
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (str(limit), str(tmp_path / "none")))
    whole = memory.available(CPU)
    limit.write_text("1000")
    assert memory.available(CPU) == 0 < whole
    limit.write_text("max")
    assert memory.available(CPU) > 2**20
