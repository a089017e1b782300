"""What goes wrong on a cluster: one clear line each, and no valid state lost."""

import re

import pytest
import torch
from support.toys import dataset_card, write_photos
from support.training import ARCH, Discriminator, Family, Noise, card

from stylenat.core.errors import InputError
from stylenat.data.view import open_prepared
from stylenat.stages import prepare
from stylenat.training import state
from stylenat.training.loop import Recipe, train
from stylenat.training.step import Trainer, TrainingError

CPU = torch.device("cpu")


def recipe(images=None, family=None, **changes):
    return Recipe(family or Family(), ARCH, card(**changes), images or Noise(), flips=True)


def states(rundir):
    return sorted(path.name for path in (rundir / "state").iterdir())


def test_a_full_disk_while_a_state_is_written_keeps_the_state_before(tmp_path, monkeypatch):
    train(recipe(), tmp_path, CPU, stop_at_nimg=16)
    write, written = state._write_tensors, []

    def full(*parts):
        written.append(parts)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        write(*parts)

    monkeypatch.setattr(state, "_write_tensors", full)
    with pytest.raises(
        InputError, match=r"000000000032: the state can't be written \(No space left on device\)"
    ) as caught:
        train(recipe(), tmp_path, CPU)
    assert f"the last good state is {tmp_path}/state/000000000016" in str(caught.value)
    assert states(tmp_path) == ["000000000016"]
    monkeypatch.undo()
    train(recipe(), tmp_path, CPU)
    assert states(tmp_path) == ["000000000048", "000000000064"]


@pytest.mark.parametrize("place", ["state", "run"])
def test_a_folder_that_takes_no_files_is_one_line(tmp_path, place):
    rundir = tmp_path / "run"
    if place == "run":
        rundir.write_text("a file is in the way")
        expected = OSError
    else:
        rundir.mkdir()
        (rundir / "state").write_text("a file is in the way")
        expected = InputError
    with pytest.raises(expected) as caught:
        train(recipe(), rundir, CPU)
    assert "\n" not in str(caught.value)
    assert str(rundir) in str(caught.value)


def test_a_read_only_folder_is_one_line_and_the_states_stay(tmp_path, monkeypatch):
    train(recipe(), tmp_path, CPU, stop_at_nimg=16)

    def refused(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(state.tempfile, "mkdtemp", refused)
    with pytest.raises(
        InputError, match=r"the state can't be written \(Read-only file system\); those before it are kept"
    ):
        train(recipe(), tmp_path, CPU)
    assert states(tmp_path) == ["000000000016"]


def test_a_shard_that_vanishes_names_itself_and_the_state(tmp_path):
    manifest = tmp_path / "set" / "manifest.json"
    prepare.run(dataset_card(8, 8), write_photos(tmp_path / "raw", 8, size=8), manifest)
    train(recipe(open_prepared(manifest)), tmp_path / "run", CPU, stop_at_nimg=16)
    images = open_prepared(manifest)
    (shard,) = manifest.parent.glob("shards/*.npy")
    shard.unlink()
    with pytest.raises(TrainingError, match="this shard of a prepared set is missing; prepare the set again") as caught:
        train(recipe(images), tmp_path / "run", CPU)
    assert str(caught.value).endswith(f"the last good state is {tmp_path}/run/state/000000000016")


class Spoiled(Discriminator):
    """A discriminator whose gradient is not finite from the fifth backward pass of its last layer on."""

    def __init__(self, width):
        super().__init__(width, None)
        self.passes = 0
        self.layers[-1].weight.register_hook(self.spoil)

    def spoil(self, gradient):
        self.passes += type(gradient) is torch.Tensor
        return gradient * float("nan") if self.passes > 5 else gradient


def test_a_gradient_that_is_not_finite_is_named_with_its_step_and_moves_nothing(tmp_path):
    family = Family()
    family.build_discriminator = lambda arch: Spoiled(arch["width"])
    message = (
        r"grad_norm_(d|r1) is nan at step \d+, \d+ images, phase '(d|r1)', gradient of discriminator\.layers\.3\.weight"
    )
    with pytest.raises(TrainingError, match=message) as caught:
        train(recipe(family=family, state_nimg=4), tmp_path, CPU)
    stopped = int(re.search(r"(\d+) images", str(caught.value)).group(1))
    assert states(tmp_path)[-1] == f"{stopped:012d}"
    family = Family()
    whole = train(recipe(family=family, state_nimg=4), tmp_path / "whole", CPU)
    again = train(recipe(family=family, state_nimg=4), tmp_path, CPU)
    for name, value in whole.average.state_dict().items():
        assert torch.equal(again.average.state_dict()[name], value)


def test_nothing_moves_in_the_round_of_a_number_that_is_not_finite():
    family = Family()
    family.build_discriminator = lambda arch: Spoiled(arch["width"])
    trainer = Trainer(family, ARCH, card(), CPU)
    trainer.discriminator.passes = 5
    before = {name: value.clone() for name, value in trainer.discriminator.named_parameters()}
    with pytest.raises(TrainingError):
        trainer.iterate(Noise(), flips=False)
    assert all(torch.equal(before[name], value) for name, value in trainer.discriminator.named_parameters())


def test_a_step_that_does_not_fit_is_refused_with_numbers(tmp_path, monkeypatch):
    from stylenat.training import memory

    monkeypatch.setattr(memory, "available", lambda device: 1000)
    with pytest.raises(
        InputError, match=r"training 'toy' needs 0\.00 GiB a process at the peak .*cpu has 0\.00 GiB free"
    ):
        train(recipe(), tmp_path, CPU)
    assert not (tmp_path / "state").exists()
