"""States and snapshots under faults that a cluster knows: killed jobs, full disks, changed code."""

import json
import resource
import signal
from contextlib import contextmanager

import pytest
import torch
from safetensors import safe_open
from support.training import ARCH, Family, Noise, card

from stylenat.core.errors import InputError
from stylenat.core.snapshot import write_snapshot
from stylenat.training.loop import Recipe, train
from stylenat.training.state import load_state, save_state
from stylenat.training.step import Trainer


def fresh():
    return Trainer(Family(), ARCH, card(), torch.device("cpu"))


@pytest.fixture
def trained(tmp_path):
    """A trainer with states at 8 and 12 images, and their folder."""
    trainer, images = fresh(), Noise()
    for _ in range(3):
        trainer.iterate(images, flips=False)
        save_state(trainer, tmp_path)
    return trainer, tmp_path


@contextmanager
def full_disk():
    """Files can't grow past 1 KiB, as on a full disk; for the block alone, since the test runner writes files too."""
    limits, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, action)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b"{}"])
def test_a_broken_manifest_is_a_torn_state(trained, content, capsys):
    _, folder = trained
    (folder / "000000000012/manifest.json").write_bytes(content)
    assert load_state(fresh(), folder)[0] == folder / "000000000008"
    assert "000000000012: torn or altered" in capsys.readouterr().err


def test_a_new_state_outlives_torn_ones_with_later_positions(trained):
    _, folder = trained
    for path in folder.glob("*/average.safetensors"):
        path.write_bytes(b"torn")
    trainer = fresh()
    trainer.iterate(Noise(), flips=False)
    path = save_state(trainer, folder)
    assert load_state(fresh(), folder)[0] == path


def test_what_a_killed_run_left_half_written_is_removed(trained):
    trainer, folder = trained
    left = folder / ".000000000016.abcd.tmp"
    left.mkdir()
    (left / "generator.safetensors").write_bytes(b"half")
    save_state(trainer, folder)
    assert not left.exists()


def test_a_state_of_other_networks_is_refused_in_one_line(trained):
    _, folder = trained
    other = fresh()
    other.discriminator = torch.nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"000000000012: a whole state, but of other networks.*; remove"):
        load_state(other, folder)


def test_a_full_disk_is_one_line_and_keeps_the_states_before(trained):
    trainer, folder = trained
    before = sorted(path.name for path in folder.iterdir())
    trainer.iterate(Noise(), flips=False)
    with full_disk(), pytest.raises(InputError, match=r"000000000016: the state can't be written"):
        save_state(trainer, folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    with full_disk(), pytest.raises(OSError, match="large"):
        write_snapshot(trainer.average.state_dict(), folder / "a.safetensors", {})


def test_every_parameter_takes_part_in_the_r1_step():
    trainer = fresh()
    trainer.iterate(Noise(), flips=False)
    assert {int(state["step"]) for state in trainer.d_adam.state.values()} == {2}


def test_a_snapshot_holds_the_weights_and_says_what_it_is(trained, tmp_path):
    trainer, _ = trained
    path = tmp_path / "out" / "snapshot.safetensors"
    write_snapshot(trainer.average.state_dict(), path, {"model": "toy", "nimg": "12"})
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"model": "toy", "nimg": "12"}
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    state = trainer.average.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_equal_snapshots_are_equal_bytes(tmp_path):
    metadata, files = {name: name for name in "zyxabcdefg"}, [tmp_path / str(number) for number in range(4)]
    for path in files:
        write_snapshot(fresh().average.state_dict(), path, metadata)
    assert len({path.read_bytes() for path in files}) == 1


@pytest.mark.parametrize(("log_nimg", "expected"), [(320, [64]), (24, [24, 48, 64])])
def test_the_end_of_the_recipe_has_a_log_line(tmp_path, log_nimg, expected):
    train(Recipe(Family(), ARCH, card(log_nimg=log_nimg), Noise(), flips=False), tmp_path, torch.device("cpu"))
    assert [json.loads(line)["nimg"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == expected
