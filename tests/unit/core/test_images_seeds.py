import numpy as np
import torch

from stylenat.core.images import from_uint8, to_uint8
from stylenat.core.interface import GeneratorSpec
from stylenat.core.seeds import generator_at, latents

IMAGENET = GeneratorSpec(512, 8, pixel_mean=(0.485, 0.456, 0.406), pixel_std=(0.229, 0.224, 0.225))
SYMMETRIC = GeneratorSpec(512, 8)


def test_every_level_survives_the_round_trip_in_every_declared_range():
    pixel = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    for spec in (IMAGENET, SYMMETRIC):
        assert torch.equal(to_uint8(from_uint8(pixel, spec), spec), pixel)


def test_the_symmetric_range_maps_its_ends_and_clamps():
    image = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).view(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert to_uint8(image, SYMMETRIC)[0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def test_rounding_is_to_the_nearest_level():
    image = torch.full((1, 3, 1, 1), 2 * 100.4 / 255 - 1)
    assert to_uint8(image, SYMMETRIC).unique().tolist() == [100]


def test_a_latent_depends_on_seed_and_index_alone():
    whole = latents(5, range(10), 16)
    assert torch.equal(whole[3:7], latents(5, range(3, 7), 16))
    assert torch.equal(whole[7:8], latents(5, range(7, 8), 16))
    assert not torch.equal(whole, latents(6, range(10), 16))
    assert not torch.equal(whole, latents(5, range(10), 16, stream="train"))
    assert latents(5, range(0), 16).shape == (0, 16)


def test_latents_are_standard_normal():
    z = latents(0, range(4000), 8).numpy()
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert abs(np.corrcoef(z[:-1, 0], z[1:, 0])[0, 1]) < 0.05


def test_a_stream_can_be_entered_at_any_index():
    assert generator_at(1, "order", 2**40).integers(0, 2**32) == generator_at(1, "order", 2**40).integers(0, 2**32)
    draws = {int(generator_at(1, "order", i).integers(0, 2**62)) for i in range(100)}
    assert len(draws) == 100
