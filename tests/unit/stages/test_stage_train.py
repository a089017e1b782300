import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from support.toys import dataset_card, model_card, write_photos
from support.training import ARCH, Family, Generator, Pool, card

from stylenat.core.errors import InputError
from stylenat.core.snapshot import write_snapshot
from stylenat.stages import prepare, train


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Train a toy on a prepared set of eight pictures of 8 px, as the command line does; gives its folder."""
    monkeypatch.setattr(train, "load_family", lambda dotted: Family())
    manifest = tmp_path / "set" / "manifest.json"
    prepare.run(dataset_card(8, 8), write_photos(tmp_path / "raw", 8, size=8), manifest)

    def run(model=None, flips=False, initial=None, dry=False, **changes):
        chosen = model or model_card(arch=ARCH), card(**changes), dataset_card(8, 8, flips=flips), manifest, initial
        out, work = tmp_path / "out", train.Work(*chosen)
        if dry:
            return train.plan(work, tmp_path / "run", "cpu")
        train.run(work, tmp_path / "run", out / "snapshot.safetensors", out / "history.jsonl", "cpu")
        return tmp_path

    return run


def runs(folder):
    return sorted((folder / "run").iterdir())


def test_the_snapshot_is_the_average_and_the_history_is_the_log(start):
    folder = start()
    (rundir,) = runs(folder)
    average, generator = (load_file(rundir / f"state/000000000064/{x}.safetensors") for x in ("average", "generator"))
    with safe_open(folder / "out" / "snapshot.safetensors", framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        metadata = file.metadata()
    assert all(torch.equal(found[name], value) for name, value in average.items())
    assert not torch.equal(found["layers.0.weight"], generator["layers.0.weight"])
    assert (metadata["model"], metadata["nimg"], metadata["seed"]) == ("toy", "64", "0")
    assert metadata["recipe_sha256"].startswith(rundir.name)
    assert (folder / "out" / "history.jsonl").read_text() == (rundir / "log.jsonl").read_text()
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["history.jsonl", "snapshot.safetensors"]


def test_the_history_holds_the_quick_fid_beside_the_losses_of_its_moment(start, monkeypatch):
    monkeypatch.setattr(train.Work, "extractor", lambda self, device: Pool())
    folder = start(quick_fid={"detector": "toy", "count": 8, "every_nimg": 32})
    lines = [json.loads(line) for line in (folder / "out" / "history.jsonl").read_text().splitlines()]
    (rundir,) = runs(folder)
    quick = [json.loads(line) for line in (rundir / "quick_fid.jsonl").read_text().splitlines()]
    assert [line["nimg"] for line in quick] == [32, 64]
    assert [line for line in lines if "fid" in line] == quick
    assert [line["nimg"] for line in lines] == sorted(line["nimg"] for line in lines)
    assert [line for line in lines if "loss_d" in line] == [
        json.loads(line) for line in (rundir / "log.jsonl").read_text().splitlines()
    ]


def test_running_again_gives_the_same_bytes_with_or_without_the_last_state(start):
    folder = start()
    snapshot = folder / "out" / "snapshot.safetensors"
    first = snapshot.read_bytes()
    start()
    assert snapshot.read_bytes() == first
    (rundir,) = runs(folder)
    shutil.rmtree(rundir / "state/000000000064")
    start()
    assert snapshot.read_bytes() == first


@pytest.mark.parametrize("change", [{"seed": 4}, {"flips": True}, {"model": model_card(arch={"width": 4})}])
def test_a_changed_recipe_never_goes_on_from_another_ones_state(start, change):
    start()
    folder = start(**change)
    assert len(runs(folder)) == 2
    assert all(len(list((rundir / "state").iterdir())) == 2 for rundir in runs(folder))


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


def test_a_dry_run_says_what_would_be_done_and_trains_nothing(start, tmp_path):
    plan = json.loads(start(dry=True, pass_size=2))
    assert not (tmp_path / "run").exists()
    assert (plan["steps"], plan["passes_a_step"], plan["goes_on_from"]) == (16, 2, None)
    assert plan["training"]["batch_size"] == 4
    assert plan["parameters"]["generator"] == sum(p.numel() for p in Generator(8).parameters())
    assert 0 < plan["memory_bytes"]["between_steps"] < plan["memory_bytes"]["peak"] < plan["available_bytes"]
    start(pass_size=2)
    assert json.loads(start(dry=True, pass_size=2))["goes_on_from"] == "000000000064"


@pytest.mark.parametrize(
    ("change", "runs_then"),
    [({"log_nimg": 16}, 1), ({"recompute_from_px": 8}, 1), ({"note": "again"}, 1), ({"precision": "bf16"}, 2)],
)
def test_what_decides_no_weights_goes_on_with_the_same_states(start, change, runs_then):
    start()
    assert len(runs(start(**change))) == runs_then


def test_a_longer_run_goes_on_where_no_rate_depends_on_the_end(start):
    short = start(lr_decay_start_nimg=None, total_nimg=32)
    (rundir,) = runs(short)
    start(lr_decay_start_nimg=None, total_nimg=64)
    assert runs(short) == [rundir]
    assert (rundir / "state/000000000064").is_dir()
    start(total_nimg=64)
    start(total_nimg=80)
    assert len(runs(short)) == 3


def test_a_quick_fid_without_its_detector_is_refused_in_one_line(start):
    with pytest.raises(InputError, match=r"quick_fid with detector 'toy'; expected its weights, --detector-weights"):
        start(quick_fid={"detector": "toy", "count": 8, "every_nimg": 16})
