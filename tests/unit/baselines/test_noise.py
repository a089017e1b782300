"""The noise control is white, and the same number wherever it is computed."""

import struct

import numpy as np
import torch

from baselines.controls import noise
from stylenat.core.seeds import latents


def images(size, count):
    return noise.build_generator({"resolution": size})(latents(0, range(count), 16))


def mixed(word):
    word &= 0xFFFFFFFF
    for _ in range(2):
        word = ((word >> 16) ^ word) * 0x45D9F3B & 0xFFFFFFFF
    return (word >> 16) ^ word


def test_every_pixel_is_the_documented_hash():
    z = latents(3, range(2), 16)
    found = noise.build_generator({"resolution": 8})(z).flatten(1)
    for row in range(2):
        key, other = 0, 1
        for (bits,) in struct.iter_unpack("<I", z[row].numpy().astype("<f4").tobytes()):
            key, other = mixed(key + bits), mixed(other ^ bits)
        for place in (0, 1, 63, 191):
            assert found[row, place] == (mixed(mixed(place + key) + other) >> 8) * 2**-23 - 1


def test_the_spectrum_is_flat():
    """Of white noise, no line of n/2 stands above about ln n; a hidden period would."""
    for row in images(64, 4).double().flatten(1):
        power = np.abs(np.fft.rfft(row.numpy() - row.numpy().mean()))[1:] ** 2 / len(row) * 3
        assert power.max() < 2 * np.log(len(row))
        assert abs(power.mean() - 1) < 0.1


def test_an_image_is_a_function_of_its_row_alone():
    z = latents(1, range(5), 16)
    generator = noise.build_generator({"resolution": 8})
    whole = generator(z)
    assert torch.equal(generator(z[3:4])[0], whole[3])
    assert torch.equal(generator(z.T.contiguous().T), whole)


def test_every_entry_of_the_row_counts():
    z = latents(2, range(1), 16)
    generator = noise.build_generator({"resolution": 8})
    first = generator(z)
    for column in range(16):
        other = z.clone()
        other[0, column] = torch.nextafter(other[0, column], torch.tensor(9.0))
        assert (generator(other) - first).abs().mean() > 0.4


def test_values_lie_in_the_declared_half_open_range():
    pixels = images(128, 40)
    assert pixels.min() >= -1
    assert -1 < pixels.min() + 1e-4 < pixels.max() < 1
