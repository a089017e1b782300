import hashlib

import numpy as np
import pytest
from PIL import Image

from stylenat.core.errors import InputError
from stylenat.data import photographs
from stylenat.data.photographs import MIN_STD_LEVELS, crop_at, load_photographs, write_crops

# SHA-256 of the pixels of crops 0 ... 7 at 64 px.
GOLDEN = "a8b39ae3b0c2d871cb56ed9b379a1b01d486cb9fd579cdc0ac9e5cc1a1b15ae0"


@pytest.fixture(scope="module")
def sources():
    return load_photographs()


def pixels(sources, indices, crop_px=64):
    return [np.asarray(crop_at(sources, index, crop_px)) for index in indices]


def test_the_pixels_are_golden(sources):
    digest = hashlib.sha256(np.stack(pixels(sources, range(8))).tobytes())
    assert digest.hexdigest() == GOLDEN


def test_a_crop_depends_on_its_index_alone(sources, tmp_path):
    write_crops(tmp_path, 5, 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{index:05d}.png" for index in range(5)]
    with Image.open(tmp_path / "00004.png") as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), pixels(sources, [4])[0])


def test_crops_differ_and_none_is_flat(sources):
    crops = pixels(sources, range(64))
    assert len({crop.tobytes() for crop in crops}) == 64
    assert all(crop.shape == (64, 64, 3) for crop in crops)
    assert min(crop.std(axis=(0, 1)).mean() for crop in crops) >= MIN_STD_LEVELS


def test_a_crop_larger_than_a_photograph_is_refused(tmp_path):
    with pytest.raises(InputError, match="crop_px is 301, expected at most 300"):
        write_crops(tmp_path, 1, 301)


def test_another_photograph_under_a_known_name_is_refused(monkeypatch):
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "coffee.png", "0" * 64)
    with pytest.raises(InputError, match=r"coffee\.png: sha256 is .* install the pinned scikit-image"):
        load_photographs()
