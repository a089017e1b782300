"""Passes and processes: the recipe decides the numbers, whoever does the work."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file
from support import trainings
from support.killing import children_of, wait_until
from support.training import ARCH, Family, Generator, Noise, card

from stylenat.core.errors import InputError
from stylenat.training.group import Group
from stylenat.training.loop import Recipe, train
from stylenat.training.step import Trainer

CPU = torch.device("cpu")
BY_TWO = {"batch_size": 4, "pass_size": 2, "total_nimg": 80, "log_nimg": 4, "lr_decay_start_nimg": 40}


def log_of(rundir):
    return [json.loads(line) for line in (rundir / "log.jsonl").read_text().splitlines()]


def trained(rundir, family=None, **changes):
    trainer = train(Recipe(family or Family(), ARCH, card(**changes), Noise(), flips=True), rundir, CPU)
    return trainer, log_of(rundir)


def check_near(found, expected, tolerance=1e-5):
    assert len(found) == len(expected) == 20
    for line, other in zip(found, expected, strict=True):
        assert line == pytest.approx(other, rel=tolerance, abs=1e-9)


@pytest.mark.parametrize(
    "name", ["toy", *(pytest.param(name, marks=pytest.mark.long) for name in ("stylenat", "stylegan2"))]
)
def test_one_and_two_processes_see_the_same_losses(tmp_path, name):
    changes = {**BY_TWO, "pass_size": 4, "batch_size": 8, "total_nimg": 160, "log_nimg": 8}
    for count in (1, 2):
        rundir = tmp_path / str(count)
        assert trainings.finished(rundir, name, processes=count, card=changes) == 0, trainings.errors_of(rundir)
    check_near(log_of(tmp_path / "2"), log_of(tmp_path / "1"))


def test_passes_are_the_batch_where_images_do_not_see_one_another(tmp_path):
    _, whole = trained(tmp_path / "whole", **{**BY_TWO, "pass_size": None})
    _, parts = trained(tmp_path / "parts", **BY_TWO)
    check_near(parts, whole)
    _, other = trained(tmp_path / "other", **{**BY_TWO, "seed": 1})
    with pytest.raises(AssertionError):
        check_near(other, whole)


def test_a_spectral_norm_moves_as_often_as_in_one_pass():
    moved = {}
    for size in (4, 2):
        trainer = Trainer(Family(), ARCH, card(pass_size=size), CPU)
        trainer.iterate(Noise(), flips=False)
        moved[size] = dict(trainer.discriminator.named_buffers())
    for name, value in moved[4].items():
        torch.testing.assert_close(moved[2][name], value, rtol=1e-5, atol=1e-6)


class Normalised(Generator):
    """A generator with running statistics."""

    def __init__(self, width):
        super().__init__(width)
        self.layers.insert(1, torch.nn.BatchNorm1d(width))


def test_running_statistics_are_the_mean_over_passes():
    family = Family()
    family.build_generator = lambda arch: Normalised(arch["width"])
    trainer = Trainer(family, ARCH, card(pass_size=2, objective={"r1_gamma": 0}), CPU)
    first = trainer.generator.layers[0]
    batches = [trainer._batch(Noise(), False, index) for index in range(2)]
    hidden = [first(batch.latents("train-g")) for batch in batches]
    (g_round,) = trainer.objective.rounds[1:]
    trainer.run_round(g_round, batches)
    expected = 0.1 * torch.stack([x.mean(dim=0) for x in hidden]).mean(dim=0)
    torch.testing.assert_close(trainer.generator.layers[1].running_mean, expected.detach())
    assert int(trainer.generator.layers[1].num_batches_tracked) == 1


def test_a_number_of_processes_that_does_not_divide_the_passes_is_refused():
    with pytest.raises(InputError, match=r"a step of 2 passes can't be divided among 3 processes"):
        Trainer(Family(), ARCH, card(pass_size=2), CPU, group=Group(0, 3))
    with pytest.raises(ValueError, match=r"batch_size 4 is no multiple of pass_size 3"):
        card(pass_size=3)


def test_when_a_process_is_killed_the_others_say_so_and_the_state_is_kept(tmp_path):
    rundir, changes = tmp_path / "run", {**BY_TWO, "total_nimg": 40000, "lr_decay_start_nimg": None, "log_nimg": 400}
    launcher = trainings.start(rundir, "toy", processes=2, card=changes)
    wait_until(lambda: (rundir / "state").is_dir() and any((rundir / "state").glob("[0-9]*")), seconds=120)
    workers = children_of(launcher)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    assert launcher.wait() != 0
    errors = trainings.errors_of(rundir)
    assert "another process of the training ended" in errors
    assert "the last good state is" in errors
    whole = tmp_path / "whole"
    short = {**changes, "total_nimg": max(int(path.name) for path in (rundir / "state").glob("[0-9]*")) + 8}
    assert trainings.finished(rundir, "toy", card=short) == 0
    assert trainings.finished(whole, "toy", card=short) == 0
    last = f"state/{short['total_nimg']:012d}/generator.safetensors"
    for name, value in load_file(whole / last).items():
        torch.testing.assert_close(load_file(rundir / last)[name], value, rtol=1e-4, atol=1e-6)
