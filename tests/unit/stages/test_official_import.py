"""`stylenat import` on files in the authors' layouts: what is sampled is what the official networks gave."""

import argparse
import json
import os

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file
from support import golden, official

from stylenat.cli import main
from stylenat.core import snapshot
from stylenat.core.catalog import Catalog
from stylenat.core.files import sha256_file
from stylenat.network import FAMILY
from stylenat.sampling.build import build_generator

PARTS = ("generator", "discriminator")
SMALL = {**official.ARCH, "max_channels": 8}


def write_card(folder, name, arch, file):
    """A configuration folder with one model whose checkpoint is `file`."""
    card = {"title": name, "method": "StyleNAT", "family": "stylenat.network", "arch": arch}
    card |= {"weights": {"import": {"file": file}}, "reference": "none", "licence": "MIT"}
    (folder / "config/models").mkdir(parents=True, exist_ok=True)
    (folder / f"config/models/{name}.yaml").write_text(yaml.safe_dump(card))


def run(folder, name, out, part=None):
    arguments = ["--config", folder / "config", "import", "--model", name, "--weights", folder, "--out", out]
    main([str(argument) for argument in [*arguments, *(["--part", part] if part else [])]])


def fails(folder, name, out, part, capsys):
    """The one line of an import that is refused."""
    with pytest.raises(SystemExit) as stop:
        run(folder, name, out, part)
    lines = capsys.readouterr().err.splitlines()
    assert (stop.value.code, len(lines)) == (1, 1)
    return lines[0]


@pytest.fixture(scope="module", params=official.LAYOUTS)
def imported(request, tmp_path_factory):
    """The golden networks of 32 px in a file of one layout, imported by the command line."""
    folder, layout = tmp_path_factory.mktemp(request.param), request.param
    generator = golden.generator_state(golden.load("stylenat-32-hydra")[0]["params"])
    discriminator = golden.discriminator_state(golden.load("styleswin_d-32-cm2")[0])
    torch.save(official.content(layout, generator, discriminator), folder / "official.pt")
    write_card(folder, "golden-32", official.ARCH, "official.pt")
    run(folder, "golden-32", folder / "out/generator.safetensors")
    run(folder, "golden-32", folder / "out/discriminator.safetensors", "discriminator")
    yield layout, folder
    for path in [folder / "official.pt", *folder.glob("out/*.safetensors")]:  # hundreds of megabytes
        path.unlink()


def close(found, expected):
    expected = torch.tensor(expected)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 5e-5 * expected.abs().max()


@torch.inference_mode()
def test_the_imported_generator_gives_the_official_images(imported):
    _, folder = imported
    model = Catalog(folder / "config").model("golden-32")
    generator = build_generator(model, folder / "out/generator.safetensors")
    close(generator(golden.latents(2, 512)), golden.load("stylenat-32-hydra")[1]["image"])


@torch.inference_mode()
def test_the_imported_discriminator_gives_the_official_logits(imported):
    _, folder = imported
    discriminator = FAMILY.build_discriminator(official.ARCH).eval()
    discriminator.load_state_dict(load_file(folder / "out/discriminator.safetensors"))
    arrays = golden.load("styleswin_d-32-cm2")[1]
    close(discriminator(golden.images(4, 32)), arrays["logits"])
    close(discriminator(golden.images(8, 32)), arrays["logits_batch8"])


@torch.inference_mode()
def test_the_official_legacy_network_of_64_px_gives_its_images(tmp_path):
    spec, arrays = golden.load("stylenat-64-legacy")
    arch = {**official.ARCH, "resolution": 64, "kernel_sizes": 5 * [7], "dilations": [*official.DILATIONS[:4], [1, 8]]}
    state = {**golden.generator_state(spec["params"]), **official.buffers("stylenat-64-legacy")}
    torch.save({"g_ema": state, "args": argparse.Namespace(size=64)}, tmp_path / "official.pt")
    write_card(tmp_path, "golden-64", arch, "official.pt")
    out = tmp_path / "g.safetensors"
    run(tmp_path, "golden-64", out)
    close(
        build_generator(Catalog(tmp_path / "config").model("golden-64"), out)(golden.latents(2, 512)), arrays["image"]
    )
    for path in (out, tmp_path / "official.pt"):
        path.unlink()


def test_the_cards_say_what_was_found(imported):
    layout, folder = imported
    source, count = folder / "official.pt", {"generator": "stylenat-32-hydra", "discriminator": "styleswin_d-32-cm2"}
    for part in PARTS:
        path = folder / f"out/{part}.safetensors"
        card = json.loads(path.with_suffix(".json").read_text())
        assert path.with_suffix(".json").read_text() == json.dumps(card, indent=2, sort_keys=True) + "\n"
        assert (card["model"], card["part"]) == ("golden-32", part)
        assert card["source"] == {
            "file": "official.pt",
            "sha256": sha256_file(source),
            "bytes": source.stat().st_size,
        }
        assert card["layout"] == {"legacy": "top level", "nested": "nested"}[layout]
        assert card["entry"] == {"generator": "g_ema", "discriminator": "d"}[part]
        assert card["snapshot_sha256"] == sha256_file(path)
        shapes = golden.load(count[part])[0]["params"].values()
        assert card["parameters"] == sum(torch.Size(shape).numel() for shape in shapes)
        dropped = card["buffers_dropped"]
        kept = official.buffers(count[part])
        assert sorted(dropped["equal_to_ours"] + dropped["without_effect"]) == sorted(kept)
        assert all(name.endswith("._float_tensor") for name in dropped["without_effect"])
        with safe_open(path, framework="pt") as file:
            assert file.metadata()["part"] == part


def test_the_card_maps_every_official_key_that_differs(imported):
    layout, folder = imported
    card = json.loads((folder / "out/generator.json").read_text())
    ours = golden.load("stylenat-32-hydra")[0]["params"]
    if layout == "nested":
        assert (card["renamed"], card["bias_tables"]) == ({}, "list")
    else:
        theirs = official.with_legacy_names({name: torch.zeros(2) for name in ours})
        assert card["bias_tables"] == "rpb0, rpb1"
        assert set(card["renamed"]) == set(theirs) - set(ours)
        assert card["renamed"]["layers.1.blocks.0.attn.rpb1"] == "layers.1.blocks.0.attn.rpb.0"
        assert card["renamed"]["layers.3.blocks.1.attn.rpb1"] == "layers.3.blocks.1.attn.rpb.1"
    other = json.loads((folder / "out/discriminator.json").read_text())
    assert (other["renamed"], other["bias_tables"]) == ({}, None)


def test_the_card_keeps_the_arguments_and_names_those_that_agree(imported):
    layout, folder = imported
    generator, discriminator = (json.loads((folder / f"out/{part}.json").read_text()) for part in PARTS)
    assert generator["arguments"] == discriminator["arguments"]
    if layout == "legacy":
        assert generator["arguments"] == {"size": 32, "seed": 7, "rng_state": "Tensor"}
        assert generator["arguments_equal_to_card"] == discriminator["arguments_equal_to_card"] == ["size"]
    else:
        assert generator["arguments"]["runs"]["generator"]["dilations"] == official.DILATIONS
        assert generator["arguments"]["misc"] == {
            "seed": 7,
            "rng_state": "list of 5056",
            "py_rng_state": [3, "tuple of 625", None],
        }
        words = ("channel_multiplier", "dilations", "kernels", "min_heads", "n_mlp", "style_dim")
        assert set(generator["arguments_equal_to_card"]) == {"runs.size", *(f"runs.generator.{w}" for w in words)}
        assert discriminator["arguments_equal_to_card"] == ["runs.size", "runs.discriminator.channel_multiplier"]


@pytest.fixture
def small(tmp_path):
    """The states of a small network, and its card."""
    torch.manual_seed(0)
    write_card(tmp_path, "small", SMALL, "official.pt")
    return tmp_path, FAMILY.build_generator(SMALL).state_dict(), FAMILY.build_discriminator(SMALL).state_dict()


@pytest.mark.parametrize("layout", official.LAYOUTS)
@pytest.mark.parametrize(
    ("part", "missing", "misshapen"),
    [
        ("generator", "layers.2.blocks.1.attn.qkv.bias", "to_rgbs.0.conv.weight"),
        ("discriminator", "final_linear.2.weight_u", "convs.0.conv1.0.weight_orig"),
    ],
)
def test_keys_that_do_not_fit_are_listed_for_both_networks(small, layout, part, missing, misshapen, capsys):
    folder, *states = small
    shape = tuple(states[PARTS.index(part)][misshapen].shape)
    states[PARTS.index(part)] |= {"surplus.weight": torch.zeros(1), misshapen: torch.zeros(5, 6)}
    del states[PARTS.index(part)][missing]
    torch.save(official.content(layout, *states), folder / "official.pt")
    line = fails(folder, "small", folder / "out/x.safetensors", part, capsys)
    assert "official.pt: holds another network: 1 unknown (surplus.weight); " in line
    assert f"1 missing ({missing}); 1 of another shape ({misshapen} (5, 6), expected {shape})" in line
    assert not (folder / "out").exists()


@pytest.mark.parametrize("part", PARTS)
def test_a_buffer_with_other_content_is_another_network(small, part, capsys):
    folder, *states = small
    name = {"generator": "to_rgbs.0.upsample.kernel", "discriminator": "from_rgbs.1.iwt.lh"}[part]
    content = official.content("legacy", *states)
    content[{"generator": "g_ema", "discriminator": "d"}[part]][name].mul_(-1)
    torch.save(content, folder / "official.pt")
    assert f"{name} differs from this network's" in fails(folder, "small", folder / "x.safetensors", part, capsys)


class Hostile:
    """Unpickling this would run a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("layout", official.LAYOUTS)
@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_would_run_code_is_refused_and_leaves_nothing(small, layout, part, capsys):
    folder, *states = small
    content = official.content(layout, *states)
    content["extra"] = Hostile(folder / "ran")
    torch.save(content, folder / "official.pt")
    line = fails(folder, "small", folder / "out/x.safetensors", part, capsys)
    assert f"official.pt: refused: the file names '{os.system.__module__}.system'" in line
    assert not (folder / "ran").exists()
    assert not (folder / "out").exists()


def test_arguments_that_contradict_the_card_are_refused(small, capsys):
    folder, *states = small
    arguments = official.run_arguments()
    arguments["runs"]["generator"]["dilations"] = [[1], [1], [1, 2], [1, 3], [1, 8]]
    torch.save(official.content("nested", *states, arguments), folder / "official.pt")
    line = fails(folder, "small", folder / "x.safetensors", "generator", capsys)
    assert "runs.generator.dilations is [[1], [1], [1, 2], [1, 3]], dilations on the card is [[1], " in line
    assert not (folder / "x.safetensors").exists()
    run(folder, "small", folder / "d.safetensors", "discriminator")  # it has no dilations


def test_a_fault_in_the_middle_leaves_the_pair_before_it(small, monkeypatch, capsys):
    folder, *states = small
    torch.save(official.content("nested", *states), folder / "official.pt")
    run(folder, "small", folder / "out/x.safetensors")
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert set(before) == {"x.safetensors", "x.json"}

    def full(*_):
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr(snapshot, "write_json", full)
    states[0]["input.input"] += 1
    torch.save(official.content("nested", *states), folder / "official.pt")
    assert "No space left" in fails(folder, "small", folder / "out/x.safetensors", "generator", capsys)
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before


def test_a_snapshot_that_would_take_its_card_s_name_is_refused(small, capsys):
    folder, *states = small
    torch.save(official.content("nested", *states), folder / "official.pt")
    assert "found suffix .json, expected another" in fails(folder, "small", folder / "x.json", "generator", capsys)
    assert not (folder / "x.json").exists()
