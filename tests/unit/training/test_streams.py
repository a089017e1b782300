import numpy as np
import torch
from support.training import Noise

from stylenat.training.streams import indices_at, real_pixels


def test_each_epoch_is_a_permutation_of_its_own():
    first, second = indices_at(0, range(10), 10), indices_at(0, range(10, 20), 10)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert first != indices_at(1, range(10), 10)


def test_a_batch_may_cross_an_epoch():
    assert indices_at(3, range(7, 13), 10) == indices_at(3, range(20), 10)[7:13]


def test_half_of_the_images_are_mirrored_and_the_choice_depends_on_the_place():
    images = Noise()
    plain, flipped = (real_pixels(images, 0, range(200), flips) for flips in (False, True))
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(plain, flipped, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(plain, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 0.35 < np.mean(mirrored) < 0.65
    assert torch.equal(real_pixels(images, 0, range(50, 60), True), flipped[50:60])
