"""The loop on small networks: resume to the bit, torn states, faults, freezing, log, averages and rates."""

import json

import pytest
import torch
from support.training import ARCH, OBJECTIVE, Family, Generator, Noise, card

from stylenat.core.errors import InputError
from stylenat.objectives import Batch, Objective, Phase
from stylenat.training import ema, schedule
from stylenat.training.loop import Recipe, train
from stylenat.training.step import Trainer, TrainingError

CPU = torch.device("cpu")


def run(folder, stop_at_nimg=None, images=None, family=None, **changes):
    recipe = Recipe(family or Family(), ARCH, card(**changes), images or Noise(), flips=True)
    return train(recipe, folder, CPU, stop_at_nimg=stop_at_nimg)


def bits(trainer):
    parts = [trainer.generator, trainer.discriminator, trainer.average]
    tensors = [value for part in parts for value in part.state_dict().values()]
    for optimizer in (trainer.g_adam, trainer.d_adam):
        tensors += [value for state in optimizer.state_dict()["state"].values() for value in state.values()]
    return tensors


def same(first, second):
    a, b = bits(first), bits(second)
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_stopped_run_ends_with_the_same_bits(tmp_path):
    whole = run(tmp_path / "whole")
    for stop in (12, 20, 36):
        run(tmp_path / "parts", stop_at_nimg=stop)
    resumed = run(tmp_path / "parts")
    assert resumed.nimg == 64
    assert same(whole, resumed)
    assert (tmp_path / "parts/log.jsonl").read_bytes() == (tmp_path / "whole/log.jsonl").read_bytes()


def test_the_test_can_tell_runs_apart(tmp_path):
    assert not same(run(tmp_path / "a"), run(tmp_path / "b", seed=1))


def test_training_moves_every_parameter(tmp_path):
    fresh, trained = Trainer(Family(), ARCH, card(), CPU), run(tmp_path)
    for name in ("generator", "discriminator"):
        before, after = (dict(getattr(trainer, name).named_parameters()) for trainer in (fresh, trained))
        assert not [key for key in before if torch.equal(before[key], after[key])]


def test_a_finished_run_does_nothing_more(tmp_path):
    first = run(tmp_path)
    before = (tmp_path / "log.jsonl").read_text()
    assert same(first, run(tmp_path))
    assert (tmp_path / "log.jsonl").read_text() == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no manifest", "no optimiser"])
def test_a_torn_state_is_skipped_for_an_older_one(tmp_path, capsys, damage):
    whole = run(tmp_path / "whole")
    run(tmp_path / "x", stop_at_nimg=48)
    newest = sorted((tmp_path / "x/state").iterdir())[-1]
    weights = newest / "discriminator.safetensors"
    content = bytearray(weights.read_bytes())
    if damage == "truncated":
        weights.write_bytes(content[:-100])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    else:
        (newest / {"no manifest": "manifest.json", "no optimiser": "g_adam.safetensors"}[damage]).unlink()
    assert same(run(tmp_path / "x"), whole)
    assert f"{newest}: torn or altered" in capsys.readouterr().err


def test_only_the_last_states_are_kept(tmp_path):
    run(tmp_path)
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["000000000048", "000000000064"]


def test_some_states_are_kept_for_ever(tmp_path):
    run(tmp_path, keep_states=1, keep_every_nimg=32, state_nimg=8)
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["000000000032", "000000000064"]


def test_lines_after_the_last_state_are_written_again(tmp_path):
    run(tmp_path, stop_at_nimg=32)
    before = log_of(tmp_path)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"nimg": 40, "step": 10}\n{"nimg": 4')
    run(tmp_path, stop_at_nimg=32)
    assert log_of(tmp_path) == before


def test_a_log_line_is_the_mean_since_the_line_before(tmp_path):
    run(tmp_path / "each", log_nimg=4)
    run(tmp_path / "pairs", log_nimg=8)
    each, pairs = log_of(tmp_path / "each"), log_of(tmp_path / "pairs")
    assert len(each) == 2 * len(pairs) == 16
    for pair, (first, second) in zip(pairs, zip(each[::2], each[1::2], strict=True), strict=True):
        assert pair["loss_d"] == pytest.approx((first["loss_d"] + second["loss_d"]) / 2)
    assert [line["nimg"] for line in each if "r1" in line] == [4, 20, 36, 52]


def test_a_loss_that_is_not_finite_stops_with_the_step_and_keeps_the_state(tmp_path):
    with pytest.raises(
        TrainingError, match=r"loss_d is nan at step 9, 36 images, phase .d.*last good state is .*000000000032"
    ):
        run(tmp_path, images=Noise(), family=Family(breaks_at_call=9))
    assert same(run(tmp_path), run(tmp_path / "other"))


def test_images_of_another_size_are_refused(tmp_path):
    with pytest.raises(InputError, match="the images have 16 px, the network makes 8 px"):
        run(tmp_path, images=Noise(resolution=16))


def test_each_phase_freezes_the_other_network():
    trainer = Trainer(Family(), ARCH, card(), CPU)
    batch = Batch(trainer.generator, trainer.discriminator, torch.randn(4, 3, 8, 8), range(4), 0, 0)
    d_round, _, g_round = trainer.objective.rounds
    trainer.run_round(d_round, [batch])
    assert all(p.grad is None for p in trainer.generator.parameters())
    trainer.d_adam.zero_grad(set_to_none=True)
    trainer.run_round(g_round, [batch])
    assert all(p.grad is None for p in trainer.discriminator.parameters())
    assert all(p.grad is not None for p in trainer.generator.parameters())


class Both(Objective):
    """Each network's loss is the sum of its own weights, times the other's: one update shows whose state it saw."""

    def __init__(self):
        phases = [Phase("g", "generator", self.losses), Phase("d", "discriminator", self.losses)]
        super().__init__([phases])

    def losses(self, batch):
        product = sum(p.sum() for p in batch.generator.parameters()) * sum(
            p.sum() for p in batch.discriminator.parameters()
        )
        return product, {}


def test_the_phases_of_a_round_see_one_state_of_both_networks():
    trainer = Trainer(Family(), ARCH, card(), CPU)
    trainer.objective = Both()
    sums = [
        float(sum(p.detach().sum() for p in net.parameters())) for net in (trainer.generator, trainer.discriminator)
    ]
    batch = Batch(trainer.generator, trainer.discriminator, torch.randn(4, 3, 8, 8), range(4), 0, 0)
    trainer.run_round(trainer.objective.rounds[0], [batch])
    for network, other in ((trainer.generator, sums[1]), (trainer.discriminator, sums[0])):
        for parameter in network.parameters():
            torch.testing.assert_close(parameter.grad, torch.full_like(parameter, other), rtol=1e-4, atol=1e-6)


def test_phases_that_are_not_due_are_left_out():
    phase = Phase("late", "generator", None, interval=4, start_nimg=100)
    assert [phase.is_due(step, 25 * step) for step in range(9)] == [False] * 4 + [True] + [False] * 3 + [True]


class Drawing(Generator):
    """A generator that draws noise of its own while it trains."""

    def forward(self, z_BZ, labels_B=None):
        image = super().forward(z_BZ)
        return image + torch.randn_like(image) if self.training else image


def test_what_a_network_draws_by_itself_is_a_function_of_the_step(tmp_path):
    family = Family()
    family.build_generator = lambda arch: Drawing(arch["width"])
    torch.manual_seed(1)
    whole = run(tmp_path / "whole", family=family)
    before = torch.get_rng_state()
    run(tmp_path / "parts", stop_at_nimg=20, family=family)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(whole, run(tmp_path / "parts", family=family))


def test_a_network_that_grows_from_another_starts_with_its_weights(tmp_path):
    with pytest.raises(TrainingError, match="does not grow from another network"):
        Trainer(Family(), ARCH, card(), CPU, initial={})
    family = Family()
    Grown = type("Grown", (Generator,), {"load_initial": lambda self, state: self.load_state_dict(state)})
    family.build_generator = lambda arch: Grown(arch["width"])
    state = {name: torch.full_like(value, 0.5) for name, value in Grown(8).state_dict().items()}
    trainer = Trainer(family, ARCH, card(), CPU, initial=state)
    assert all((value == 0.5).all() for value in trainer.average.state_dict().values())


def test_average():
    network, average = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    for name in ("weight", "running_mean"):
        average.get_parameter(name).data.zero_() if name == "weight" else average.get_buffer(name).zero_()
    network.running_mean.fill_(1)
    network.num_batches_tracked += 7
    kept = ema.Average(average, network, "averaged")
    for step in range(1, 4):
        kept.update(0.9)
        assert average.weight.item() == pytest.approx(1 - 0.9**step)
        assert average.running_mean.item() == pytest.approx(1 - 0.9**step)
    assert average.num_batches_tracked == 7
    ema.Average(average, network, "copied").update(0.9)
    assert average.running_mean.item() == 1
    assert average.weight.item() == pytest.approx(1 - 0.9**4)


def test_decay_of_the_average():
    assert ema.decay_at(card(batch_size=4, ema_half_life_nimg=40), 0) ** 10 == pytest.approx(0.5)
    constant = card(ema_decay_per_step=0.99, ema_half_life_nimg=None, ema_start_nimg=20)
    assert [ema.decay_at(constant, nimg) for nimg in (0, 19, 20)] == [0, 0, 0.99]
    rising = card(batch_size=4, ema_half_life_nimg=40, ema_rampup=0.05)
    assert ema.decay_at(rising, 0) == 0
    assert ema.decay_at(rising, 200) == pytest.approx(0.5 ** (4 / 10))
    assert ema.decay_at(rising, 10_000) == pytest.approx(0.5 ** (4 / 40))


@pytest.mark.parametrize(
    ("nimg", "unscaled", "left", "lazy"),
    [(0, True, 1, 4 / 5), (32, True, 1, 4 / 5), (48, True, 0.5, 1), (48, False, 0.5, 0.8)],
)
def test_rates(nimg, unscaled, left, lazy):
    intervals = {"generator": 2, "discriminator": 4}
    rates = schedule.rates_at(card(unscaled_lr_in_decay=unscaled), nimg, intervals)
    assert rates.generator == pytest.approx(1e-3 * left * (2 / 3 if lazy < 1 else 1))
    assert rates.discriminator == pytest.approx(2e-3 * left * lazy)


def test_lazy_regularisation_scales_the_betas():
    trainer = Trainer(Family(), ARCH, card(), CPU)
    assert trainer.d_adam.param_groups[0]["betas"] == (0.0, 0.99 ** (4 / 5))
    assert trainer.g_adam.param_groups[0]["betas"] == (0.0, 0.99)
    off = Trainer(Family(), ARCH, card(objective={**OBJECTIVE, "r1_gamma": 0}), CPU)
    assert off.d_adam.param_groups[0]["betas"] == (0.0, 0.99)
    assert schedule.lazy_factor(1) == 1
