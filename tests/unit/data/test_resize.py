import hashlib

import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.data.resize import resize

# SHA-256 of a generated 96 px image at 32 px. Pillow's 8-bit resampling is integer arithmetic: equal on all machines.
GOLDEN = {
    "box": "72f33c10f251277384532a6a74fe729b07c8c529344609af0a5257a951a27b69",
    "bilinear": "1b644d74a8ad3fbdb4939eda7f4603ba79fa431774e04cf2dd0970b458881b17",
    "bicubic": "df9b44c86f4d8f943d8af218153ee5b6fb63cf4dd1be7ee6740ed9bfab02865f",
    "lanczos": "7728c6eeb3985a0c9287efd5d6ce9f9ad938a7d50336945c2cb832a80f4a151b",
}


def picture():
    """Smooth waves and a hard edge: what tells the filters apart."""
    y, x = np.mgrid[0:96, 0:96]
    waves = [(x * k + y * (4 - k)) % 256 for k in (1, 2, 3)]
    image = np.stack(waves, axis=-1).astype(np.uint8)
    image[30:60, 40:50] = 255
    return image


@pytest.mark.parametrize("name", GOLDEN)
def test_each_filter_gives_its_golden_pixels(name):
    out = resize(picture(), 32, name)
    assert out.shape == (32, 32, 3)
    assert out.dtype == np.uint8
    assert hashlib.sha256(out.tobytes()).hexdigest() == GOLDEN[name]


def test_box_is_the_mean_of_whole_blocks():
    out = resize(picture(), 32, "box")
    means = picture().astype(float).reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(out - means).max() <= 0.51


def test_none_changes_nothing_and_refuses_another_size():
    assert np.array_equal(resize(picture(), 96, "none"), picture())
    with pytest.raises(InputError, match="found 96x96 px, expected 32x32"):
        resize(picture(), 32, "none")


def test_an_unknown_filter_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'lanczos'"):
        resize(picture(), 32, "lanzcos")
