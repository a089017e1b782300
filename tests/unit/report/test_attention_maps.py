import json

import numpy as np
import pytest
import torch
from PIL import Image
from support import campaign, plotted
from support.plotted import FAST, LONE, texts
from support.toys import model_card
from support.trainings import SMALL

from stylenat.core.registry import load_family
from stylenat.core.snapshot import write_snapshot
from stylenat.report import page
from stylenat.report.attention import CELL_PX, STEP_PX, _cell, _Row, attention_maps
from stylenat.report.figures import figures
from stylenat.report.head_maps import Module, read_maps
from stylenat.stages import maps as maps_stage


@pytest.fixture
def results(tmp_path):
    return plotted.make(tmp_path)


def drawn(results):
    return {drawing.name: drawing for drawing in attention_maps(plotted.data(results))}


def test_each_stylenat_has_a_figure_with_its_heads_by_dilation(results):
    found = drawn(results)
    assert list(found) == ["maps-fast-256", "maps-lone-32"]  # baselines have no neighborhoods
    words = texts(found["maps-fast-256"])
    assert [w for w in words if w.startswith(("whole", "dilation"))] == [
        "whole map", "dilation 1", "dilation 2", "dilation 1", "dilation 4"
    ]  # fmt: skip
    caption = found["maps-fast-256"].caption
    assert "layers.1.blocks.1.attn (16 px)" in caption  # the last of its size
    assert "layers.1.blocks.0.attn" not in caption
    assert "other weights" not in caption
    assert found["maps-lone-32"].problem == f"no maps yet: maps/{LONE}/seed0 does not exist"


def test_maps_of_other_weights_and_of_a_demo_say_so(results):
    plotted.maps(results, weights_sha256="c" * 64)
    assert "The measured images are of other weights." in drawn(results)["maps-fast-256"].caption
    campaign.change_plan(results, demo=True)
    assert drawn(results)["maps-fast-256"].caption.startswith("Demo network: ")


def test_heads_of_a_dilation_stand_together_in_their_order():
    maps_NHW = np.zeros((4, 16, 16))
    for head in range(4):
        maps_NHW[head, head, 0] = 1
    row = _Row.of(Module("m", [7] * 4, [4, 1, 4, 1], maps_NHW, maps_NHW))
    assert [(group.words, group.heads) for group in row.groups] == [("dilation 1", [1, 3]), ("dilation 4", [0, 2])]
    picture = row.picture()
    for group in row.groups:
        for place, head in enumerate(group.heads):
            left = group.left + place * STEP_PX + 1
            cell = picture[1 : CELL_PX + 1, left : left + CELL_PX]
            assert (cell[..., 0] == 255).nonzero()[0].min() == CELL_PX // 16 * head
    assert picture[0, row.groups[0].left + 2 * STEP_PX + 4, 3] == 0  # clear between groups


def test_kernels_of_several_sizes_are_told_apart():
    maps_NHW = np.ones((2, 16, 16))
    row = _Row.of(Module("m", [3, 7], [1, 1], maps_NHW, maps_NHW))
    assert [group.words for group in row.groups] == ["3 x 3, dilation 1", "7 x 7, dilation 1"]


def test_a_small_map_is_enlarged_and_a_large_one_averaged():
    assert np.unique(_cell(np.array([[0.0, 1.0], [0.5, 0.25]]))).tolist() == [0, 0.25, 0.5, 1]
    large = np.zeros((2 * CELL_PX, 2 * CELL_PX))
    large[::2, ::2] = 1.0
    assert np.allclose(_cell(large), 1)
    assert _cell(np.zeros((4, 4))).max() == 0


def test_what_the_stage_writes_is_read(tmp_path):
    torch.manual_seed(0)
    card = model_card(family=SMALL["stylenat"]["family"], arch=SMALL["stylenat"]["arch"])
    weights = tmp_path / "weights.safetensors"
    write_snapshot(load_family(card.family).build_generator(card.arch).state_dict(), weights, {"model": card.name})
    maps_stage.run(card, weights, seed=3, index=2, out=tmp_path / "maps")
    found = read_maps(tmp_path / "maps", "maps", card.name)
    assert found.problem == ""
    assert [module.side for module in found.modules] == [4, 8, 16]
    assert found.modules[-1].name == "layers.2.blocks.1.attn"
    assert (found.seed, found.index, found.image_HWC.shape) == (3, 2, (16, 16, 3))


ONE_HEAD = {"kernel_sizes": [3], "dilations": [1]}
FAULTS = {
    "gone": (lambda folder: (folder / "maps.npz").unlink(), "maps.npz is missing"),
    "torn": (lambda folder: (folder / "maps.npz").write_bytes(b"PK\x03\x04" + bytes(300)), "can't be read"),
    "not a zip": (lambda folder: one_array(folder / "maps.npz"), "is one array"),
    "not JSON": (lambda folder: (folder / "maps.json").write_text("{"), "can't be read"),
    "a list": (lambda folder: (folder / "maps.json").write_text("[]"), "can't be read"),
    "deep": (lambda folder: (folder / "maps.json").write_text("[" * 100_000), "can't be read"),
    "no image": (lambda folder: (folder / "image.png").write_text("x"), "can't be read"),
    "another": (lambda folder: edit(folder, model="else"), "holds the maps of 'else'"),
    "no module": (lambda folder: edit(folder, modules={}), "names no module"),
    "no maps": (lambda folder: edit(folder, modules={"a": ONE_HEAD}), "holds no 'a.middle'"),
    "heads": (lambda folder: edit(folder, heads=3), "expected a map for each of 3 heads"),
    "infinite": (lambda folder: numbers(folder, np.inf), "finite"),
    "negative": (lambda folder: numbers(folder, -1), "finite"),
    "words": (lambda folder: numbers(folder, "x"), "finite"),
    "pickled": (lambda folder: numbers(folder, {}), "can't be read"),
}  # fmt: skip


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def edit(folder, heads=None, **changes):
    described = json.loads((folder / "maps.json").read_text()) | changes
    for module in described["modules"].values():
        if heads:
            module.update(kernel_sizes=[7] * heads, dilations=[1] * heads)
    (folder / "maps.json").write_text(json.dumps(described))


def numbers(folder, value):
    with np.load(folder / "maps.npz") as file:
        made = {name: np.full(file[name].shape, value) for name in file.files}
    np.savez(folder / "maps.npz", **made)


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_maps_are_a_problem_and_not_the_end(results, fault):
    spoil, words = FAULTS[fault]
    spoil(results / plotted.plan_of(results)["maps"][FAST])
    problem = drawn(results)["maps-fast-256"].problem
    assert words in problem
    assert problem.startswith("maps/fast-256/seed0")
    assert "\n" not in problem


def test_harmful_names_of_modules_are_inert(results):
    folder = results / plotted.plan_of(results)["maps"][FAST]
    with np.load(folder / "maps.npz") as file:
        made = {kind: file[f"layers.2.blocks.1.attn.{kind}"] for kind in ("middle", "received")}
    np.savez(folder / "maps.npz", **{f"<script>1</script>.{kind}": maps for kind, maps in made.items()})
    edit(folder, modules={"<script>1</script>": {"kernel_sizes": [7] * 4, "dilations": [1] * 4}})
    data = plotted.data(results)
    assert data.maps[FAST].problem == ""
    text = page.render(data, figures(data))
    assert "&lt;script&gt;1&lt;/script&gt; (128 px)" in text
    assert "<script>1" not in text


def test_level_10_comes_after_level_9(tmp_path):
    names = ["layers.10.attn", "layers.9.attn"]
    heads = {"kernel_sizes": [3], "dilations": [1]}
    described = {
        "model": "m",
        "weights_sha256": "a" * 64,
        "seed": 0,
        "index": 0,
        "modules": dict.fromkeys(names, heads),
    }
    (tmp_path / "maps.json").write_text(json.dumps(described))
    numbers = {f"{name}.{kind}": np.ones((1, 4, 4)) for name in names for kind in ("middle", "received")}
    np.savez(tmp_path / "maps.npz", **numbers)
    Image.new("RGB", (4, 4)).save(tmp_path / "image.png")
    found = read_maps(tmp_path, "maps", "m")
    assert (found.problem, [module.name for module in found.modules]) == ("", ["layers.10.attn"])
