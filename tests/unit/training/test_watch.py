"""What a training shows: curves, pictures of the same latents, a quick FID that says what it is."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.training import ARCH, Family, Noise, Pool, card
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stylenat.training.loop import Recipe, train
from stylenat.training.step import Trainer
from stylenat.training.watch import Watch

CPU = torch.device("cpu")
QUICK = {"detector": "toy", "count": 24, "every_nimg": 32}


def run(rundir, stop_at_nimg=None, extractor=None, **changes):
    recipe = Recipe(Family(), ARCH, card(**changes), Noise(), flips=True)
    return train(recipe, rundir, CPU, stop_at_nimg=stop_at_nimg, extractor=extractor)


def curves(rundir):
    events = EventAccumulator(str(rundir / "tensorboard"))
    events.Reload()
    return {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_curves_hold_what_the_log_holds_across_a_stop(tmp_path):
    run(tmp_path, stop_at_nimg=20)
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = curves(tmp_path)
    assert [step for step, _ in found["loss_d"]] == [line["nimg"] for line in lines]
    for (_, value), line in zip(found["loss_d"], lines, strict=True):
        assert value == pytest.approx(line["loss_d"], rel=1e-6)
    timing = [json.loads(line) for line in (tmp_path / "timing.jsonl").read_text().splitlines()]
    assert [line["nimg"] for line in timing] == [line["nimg"] for line in lines]
    assert all(line["images_per_second"] > 0 for line in timing)


def test_pictures_show_the_same_latents_as_the_network_changes(tmp_path):
    run(tmp_path, grid_nimg=32)
    first, last = sorted((tmp_path / "grids").iterdir())
    assert (first.name, last.name) == ("000000000032.png", "000000000064.png")
    shown = [np.asarray(Image.open(path)) for path in (first, last)]
    assert shown[0].shape == (32, 32, 3)
    assert not np.array_equal(*shown)
    assert not np.array_equal(shown[0][:8, :8], shown[0][:8, 8:16])


def test_the_latents_of_a_picture_are_the_same_at_every_look(tmp_path):
    trainer = Trainer(Family(), ARCH, card(), CPU)
    watch = Watch(trainer, Noise(), tmp_path, None)
    first = watch.write_grid().read_bytes()
    torch.manual_seed(1)  # a training's own draws lie between two looks
    assert watch.write_grid().read_bytes() == first


def test_a_picture_is_a_square_of_what_the_average_makes(tmp_path):
    trainer = Trainer(Family(), ARCH, card(), CPU)
    with torch.no_grad():
        trainer.average.layers[-1].bias.copy_(torch.linspace(-1, 1, 192))
        trainer.average.layers[-1].weight.zero_()
    shown = np.asarray(Image.open(Watch(trainer, Noise(), tmp_path, None).write_grid()))
    image = shown[:8, :8]
    assert np.array_equal(shown, np.tile(image, (4, 4, 1)))
    assert image[0, 0, 0] == 0
    assert image[-1, -1, 2] == 255


def test_a_quick_fid_says_that_it_is_no_number_to_compare(tmp_path):
    run(tmp_path, extractor=Pool(), quick_fid=QUICK)
    lines = [json.loads(line) for line in (tmp_path / "quick_fid.jsonl").read_text().splitlines()]
    assert [line["nimg"] for line in lines] == [32, 64]
    assert all(line["samples"] == 24 and "not comparable" in line["label"] and line["fid"] > 0 for line in lines)
    assert [step for step, _ in curves(tmp_path)["watch/fid_of_24_samples"]] == [32, 64]


def test_looking_changes_nothing(tmp_path):
    plain = run(tmp_path / "plain")
    looked = run(tmp_path / "looked", extractor=Pool(), quick_fid=QUICK, grid_nimg=4)
    for name, value in plain.average.state_dict().items():
        assert torch.equal(looked.average.state_dict()[name], value)
    assert (tmp_path / "plain/log.jsonl").read_bytes() == (tmp_path / "looked/log.jsonl").read_bytes()


def test_a_quick_fid_of_the_training_s_own_images_is_nothing(tmp_path):
    trainer, images = Trainer(Family(), ARCH, card(quick_fid={**QUICK, "count": 24}), CPU), Noise()
    watch = Watch(trainer, images, tmp_path, Pool())
    watch._made = lambda stream, count: iter([images.images_at(range(count))])
    assert watch.quick_fid() == pytest.approx(0, abs=1e-9)
