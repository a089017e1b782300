import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from support.toys import dataset_card, model_card, write_photos
from support.training import ARCH, Family, Generator, card

from stylenat.core.errors import InputError
from stylenat.core.snapshot import write_snapshot
from stylenat.stages import prepare, train


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Train a toy on a prepared set of eight pictures of 8 px, as the command line does; gives its folder."""
    monkeypatch.setattr(train, "load_family", lambda dotted: Family())
    manifest = tmp_path / "set" / "manifest.json"
    prepare.run(dataset_card(8, 8), write_photos(tmp_path / "raw", 8, size=8), manifest)

    def run(model=None, flips=False, initial=None, **changes):
        train.run(
            model=model or model_card(arch=ARCH),
            training=card(**changes),
            dataset=dataset_card(8, 8, flips=flips),
            manifest=manifest,
            rundir=tmp_path / "run",
            snapshot=tmp_path / "out" / "snapshot.safetensors",
            history=tmp_path / "out" / "history.jsonl",
            device="cpu",
            initial=initial,
        )
        return tmp_path

    return run


def runs(folder):
    return sorted((folder / "run").iterdir())


def test_the_snapshot_is_the_average_and_the_history_is_the_log(start):
    folder = start()
    (rundir,) = runs(folder)
    state = torch.load(rundir / "state" / "000000000064.pt", weights_only=True)
    with safe_open(folder / "out" / "snapshot.safetensors", framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        metadata = file.metadata()
    assert all(torch.equal(found[name], value) for name, value in state["average"].items())
    assert not torch.equal(found["layers.0.weight"], state["generator"]["layers.0.weight"])
    assert (metadata["model"], metadata["nimg"], metadata["seed"]) == ("toy", "64", "0")
    assert metadata["recipe_sha256"].startswith(rundir.name)
    assert (folder / "out" / "history.jsonl").read_text() == (rundir / "log.jsonl").read_text()
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["history.jsonl", "snapshot.safetensors"]


def test_running_again_gives_the_same_bytes_with_or_without_the_last_state(start):
    folder = start()
    snapshot = folder / "out" / "snapshot.safetensors"
    first = snapshot.read_bytes()
    start()
    assert snapshot.read_bytes() == first
    (rundir,) = runs(folder)
    for path in (rundir / "state").glob("000000000064.*"):
        path.unlink()
    start()
    assert snapshot.read_bytes() == first


@pytest.mark.parametrize("change", [{"seed": 4}, {"flips": True}, {"model": model_card(arch={"width": 4})}])
def test_a_changed_recipe_never_goes_on_from_another_ones_state(start, change):
    start()
    folder = start(**change)
    assert len(runs(folder)) == 2
    assert all(len(list((rundir / "state").glob("*.pt"))) == 2 for rundir in runs(folder))


def test_a_recipe_shorter_than_its_log_interval_ends_with_a_history(start):
    history = start(log_nimg=320) / "out" / "history.jsonl"
    assert [json.loads(line)["nimg"] for line in history.read_text().splitlines()] == [64]


def test_what_can_not_be_trained_is_refused(start):
    with pytest.raises(InputError, match="no family"):
        start(model=model_card(family=None, weights={"none": "never published"}))


class Grown(Generator):
    """Starts from the weights of a trained network of its own size."""

    def load_initial(self, state):
        self.load_state_dict(state)


def test_a_model_that_grows_starts_from_the_other_s_snapshot_and_from_no_older_state(start, monkeypatch):
    monkeypatch.setattr(Family, "build_generator", lambda self, arch: Grown(arch["width"]))
    folder = start()
    first = folder / "out" / "snapshot.safetensors"
    stem = first.rename(folder / "stem.safetensors")
    grown = model_card(name="grown", arch=ARCH, initial="toy", weights={"train": "toy"})
    start(model=grown, initial=stem, total_nimg=4, lr_decay_start_nimg=None, generator={"lr": 1e-12})
    before, after = load_file(stem), load_file(first)
    assert all(torch.allclose(after[name], value, atol=1e-6) for name, value in before.items())
    write_snapshot(before, stem, {"model": "toy", "again": "yes"})
    start(model=grown, initial=stem, total_nimg=4, lr_decay_start_nimg=None, generator={"lr": 1e-12})
    assert len(runs(folder)) == 3
    write_snapshot(before, stem, {"model": "another"})
    with pytest.raises(InputError, match="holds weights of model 'another', expected 'toy'"):
        start(model=grown, initial=stem)
    with pytest.raises(InputError, match="found no --initial, its card says initial: toy"):
        start(model=grown)
    with pytest.raises(InputError, match=r"found --initial .*, its card says initial: none"):
        start(initial=stem)
