import numpy as np
import pytest
import torch
from PIL import Image
from support import toys

from baselines.controls import noise, real
from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.seeds import latents
from stylenat.data.view import open_prepared
from stylenat.stages import prepare


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "raw").mkdir()
    rng = np.random.default_rng(0)
    for index in range(20):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"raw/{index:02d}.png")
    prepare.run(toys.dataset_card(count=20, resolution=16), tmp_path / "raw", tmp_path / "manifest.json")
    return tmp_path / "manifest.json"


def test_real_gives_images_of_the_set_bit_for_bit_and_all_of_them(manifest):
    generator = real.build_generator({"resolution": 16, "images": str(manifest)})
    pixels = to_uint8(generator(latents(0, range(400), 1)), generator.spec)
    known = {image.numpy().tobytes(): i for i, image in enumerate(open_prepared(manifest).images_at(range(20)))}
    counts = np.bincount([known[image.numpy().tobytes()] for image in pixels], minlength=20)
    assert counts.min() > 5, "some images are never drawn"
    assert counts.max() < 45, "some images are drawn too often"


def test_extreme_latents_stay_in_the_set(manifest):
    generator = real.build_generator({"resolution": 16, "images": str(manifest)})
    assert generator(torch.tensor([[-40.0], [40.0]])).shape == (2, 3, 16, 16)


def test_real_needs_a_set_of_its_size(manifest):
    with pytest.raises(InputError, match="images of 16 px, expected 32 px"):
        real.build_generator({"resolution": 32, "images": str(manifest)})
    with pytest.raises(InputError, match="needs the manifest"):
        real.build_generator({"resolution": 16})


def test_noise_is_uniform_and_without_pattern():
    generator = noise.build_generator({"resolution": 64})
    images = generator(latents(0, range(40), generator.spec.z_dim))
    flat = images.double().flatten(1)
    assert images.min() >= -1
    assert images.max() < 1
    assert abs(flat.mean()) < 0.01
    assert flat.std() == pytest.approx(1 / 3**0.5, rel=0.01)
    histogram = torch.histc(images, 16, -1, 1) / images.numel()
    assert (histogram - 1 / 16).abs().max() < 0.002
    neighbours = [(images, 3, 1), (images, 2, 1), (images, 1, 1)]
    for x, axis, step in neighbours:
        a, b = x.narrow(axis, 0, x.shape[axis] - step), x.narrow(axis, step, x.shape[axis] - step)
        assert abs(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) < 0.02
    between = torch.corrcoef(flat)
    assert (between - torch.eye(40)).abs().max() < 0.06


@pytest.mark.parametrize("control", [real, noise])
def test_a_control_has_no_discriminator_and_no_weights(control, tmp_path):
    with pytest.raises(InputError, match="no discriminator"):
        control.build_discriminator({"resolution": 16})
    with pytest.raises(InputError, match="no weights"):
        control.import_checkpoint(tmp_path / "x.pt", {"resolution": 16})
