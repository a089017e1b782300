import hashlib

import cv2
import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.data.resize import library_of, resize

# SHA-256 of a generated image at a quarter of its side: 96 and 1024 px. All operators are integer arithmetic, equal on
# all machines; another version of a library that gives other pixels shows here.
GOLDEN = {
    ("tfrecord", 96): "6d304309f8dbbd11b4839dd83417f84e14e9ed03548e1d82b8f90483943f796f",
    ("box", 96): "7ae065489bdafd59e8c8bf103ce77b678cf22de7ec7b7e587fe02967e19a63c4",
    ("bilinear-aa", 96): "18245bdf8a55cc6beda1f39e35faf85bf681fb50740d48ff0b156b4b55812ec4",
    ("bicubic", 96): "f9d810a835a2c124720aa1281c840fa172124141028e59dd9a4f84afd4c040a3",
    ("lanczos", 96): "e0d8102c7cb1af2c7c2d063f0fd3e80619edda285d5aef004c60966bb0035e0b",
    ("tfrecord", 1024): "36383a2615a610d4ac772f97007db764c867703faf7cf4eb700ca1a0557271f8",
    ("box", 1024): "27c71f64039a1d0f7cce3a35f72e54b37115c48afbcb6ed6b33cc8ff5c7bd619",
    ("bilinear-aa", 1024): "ef53b9238bb988b6ecf9b6767e55d70f8635bb68b2bc7602f8c091404ec7b1c5",
    ("bicubic", 1024): "b679e9838891f3e10c8836dcaa00e3c80aec7e6a1d874ba6dcc2ca17197252ab",
    ("lanczos", 1024): "7951a9c9e3d107978c79ec85af64ba0da985a6dab1aa2c7fc0c40c7562cdf480",
}


def picture(side):
    """Smooth waves and a hard edge: what tells the filters apart."""
    y, x = np.mgrid[0:side, 0:side]
    waves = [(x * k + y * (4 - k)) % 256 for k in (1, 2, 3)]
    image = np.stack(waves, axis=-1).astype(np.uint8)
    image[side * 5 // 16 : side * 10 // 16, side * 5 // 12 : side * 6 // 12] = 255
    return image


def noise(index, side):
    return np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)


def two_step_means(pixel_HWC, halvings):
    """The definition: float32 means of 2 x 2 blocks, once a halving, and one rounding, half to even, at the end."""
    x = pixel_HWC.astype(np.float32)
    for _ in range(halvings):
        x = (x[0::2, 0::2] + x[0::2, 1::2] + x[1::2, 0::2] + x[1::2, 1::2]) * np.float32(0.25)
    return np.rint(x).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "side"), GOLDEN)
def test_each_filter_gives_its_golden_pixels(name, side):
    out = resize(picture(side), side // 4, name)
    assert out.shape == (side // 4, side // 4, 3)
    assert out.dtype == np.uint8
    assert hashlib.sha256(out.tobytes()).hexdigest() == GOLDEN[name, side]


def test_box_is_the_mean_of_whole_blocks():
    out = resize(picture(96), 32, "box")
    means = picture(96).astype(float).reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(out - means).max() <= 0.51


def test_tfrecord_is_the_two_step_mean_on_a_thousand_images_and_box_is_not():
    """Pillow's box rounds twice, after rows and after columns, and halves up: a quarter of the values is one more."""
    other = 0
    for index in range(1000):
        image = noise(index, 64)
        out = resize(image, 16, "tfrecord")
        assert np.array_equal(out, two_step_means(image, 2)), index
        other += np.count_nonzero(out != resize(image, 16, "box"))
    share = other / (1000 * 16 * 16 * 3)
    assert 0.2 < share < 0.3


def test_tfrecord_is_area_resampling_of_opencv():
    for index in range(20):
        image = noise(index, 256)
        assert np.array_equal(resize(image, 64, "tfrecord"), cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("halvings", [1, 2, 3, 4])
def test_tfrecord_at_every_ratio_and_at_the_extremes(halvings):
    side = 8 << halvings
    for image in (noise(0, side), np.full((side, side, 3), 255, np.uint8), np.zeros((side, side, 3), np.uint8)):
        assert np.array_equal(resize(image, 8, "tfrecord"), two_step_means(image, halvings))


@pytest.mark.parametrize("side", [24, 33, 256 * 32])
def test_tfrecord_refuses_other_ratios(side):
    with pytest.raises(InputError, match=f"found {side}x{side} px, expected 2, 4, 8 or 16 times"):
        resize(np.zeros((side, side, 3), np.uint8), 8 if side < 100 else 256, "tfrecord")


def test_none_changes_nothing_and_refuses_another_size():
    assert np.array_equal(resize(picture(96), 96, "none"), picture(96))
    with pytest.raises(InputError, match="found 96x96 px, expected 32x32"):
        resize(picture(96), 32, "none")


def test_an_unknown_filter_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'lanczos'"):
        resize(picture(96), 32, "lanzcos")


def test_the_library_of_an_operator_is_named_with_its_version():
    assert library_of("lanczos").startswith("pillow ")
    assert library_of("tfrecord").startswith("numpy ")
    assert library_of("none") == "none"
