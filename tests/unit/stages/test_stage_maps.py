import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.toys import model_card
from support.trainings import SMALL

from stylenat.core.errors import InputError
from stylenat.core.registry import load_family
from stylenat.core.snapshot import write_snapshot
from stylenat.stages import maps, sample


def model(tmp_path, name="stylenat"):
    torch.manual_seed(0)
    chosen = SMALL[name]
    card = model_card(family=chosen["family"], arch=chosen["arch"])
    weights = tmp_path / "weights.safetensors"
    write_snapshot(load_family(card.family).build_generator(card.arch).state_dict(), weights, {"model": card.name})
    return card, weights


def test_every_head_of_every_module_has_its_maps(tmp_path):
    card, weights = model(tmp_path)
    out = tmp_path / "maps"
    maps.run(card, weights, seed=3, index=2, out=out)
    described = json.loads((out / "maps.json").read_text())
    assert len(described["modules"]) == 6
    last = described["modules"]["layers.2.blocks.1.attn"]
    assert last == {"kernel_sizes": [7] * 4, "dilations": [1, 1, 2, 2]}
    with np.load(out / "maps.npz") as numbers:
        assert len(numbers.files) == 12
        for kind in ("middle", "received"):
            found = numbers[f"layers.2.blocks.1.attn.{kind}"]
            assert found.shape == (4, 16, 16)
            assert np.allclose(found.sum((1, 2)), 1, atol=1e-5)
    assert {path.name for path in out.glob("*.png")} == {"image.png", *(f"{name}.png" for name in described["modules"])}
    picture = np.asarray(Image.open(out / "layers.2.blocks.1.attn.png"))
    assert picture.shape == (2 * 130, 4 * 130)
    assert picture.max() == 255


def test_the_image_is_the_one_that_sampling_makes(tmp_path):
    card, weights = model(tmp_path)
    maps.run(card, weights, seed=3, index=1, out=tmp_path / "maps")
    sample.run(card, weights, 3, 2, tmp_path / "samples.npy", "cpu")
    shown = np.asarray(Image.open(tmp_path / "maps" / "image.png"))
    assert np.array_equal(shown, np.load(tmp_path / "samples.npy")[1].transpose(1, 2, 0))


def test_a_network_without_neighborhoods_is_refused(tmp_path):
    with pytest.raises(InputError, match="model 'toy' has no neighborhood attention"):
        maps.run(*model(tmp_path, "stylegan2"), seed=0, index=0, out=tmp_path / "maps")
    assert not (tmp_path / "maps").exists()
