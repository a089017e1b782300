"""The rules that fill StyleGAN2 and StyleGAN-XL with the numbers of the golden files; names are the official ones.

Buffers that follow from the architecture (filters, `transform`) have no rule: a file holds them as `buffer:KEY`.
"""

import zlib

import numpy as np
import torch

from support.golden import raw

GENERATOR_PARTS = ("synthesis.", "mapping.")


def state(spec):
    """A case's parameters and seeded buffers, float32, by official name; from its specification."""
    shapes = {**spec["params"], **{key: spec["buffers"][key][0] for key in spec["seeded_buffers"]}}
    return values(shapes)


def values(shapes):
    """Tensors of the given shapes, float32, by official name."""
    return {key: torch.from_numpy(np.asarray(value(key, shape), np.float32)) for key, shape in shapes.items()}


def value(key, shape):
    """One parameter or seeded buffer."""
    drawn = raw(key, shape)
    if key.endswith(".weight"):
        return _weight(key, drawn)
    if key.endswith("bias"):
        return _bias(key, drawn)
    if key.endswith("noise_strength"):
        return 0.2 + 0.1 * np.abs(drawn)
    if key.endswith("magnitude_ema"):
        return 1 + 0.2 * np.abs(drawn)
    if key.endswith("w_avg"):
        return 0.5 * drawn
    if key.endswith("phases"):
        return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).random(tuple(shape)) - 0.5
    if key.endswith("freqs"):
        length = np.linalg.norm(drawn, axis=1, keepdims=True)
        return 2 * drawn / (length * np.exp(length**2 / 4))
    if key.endswith("const"):
        return drawn
    raise KeyError(f"{key}: no golden value; a file may hold it as buffer:{key}")


def _weight(key, drawn):
    if key.startswith("mapping.fc"):
        return 100 * drawn
    if key == "synthesis.input.affine.weight":
        return 0.3 * drawn
    if key.startswith(GENERATOR_PARTS) or key.endswith("fromrgb.weight"):
        return drawn
    # A discriminator's filters have no mean, or the sum of its many positive features would drown all else.
    return drawn - drawn.mean(axis=tuple(range(1, drawn.ndim)), keepdims=True)


def _bias(key, drawn):
    if key.startswith("mapping.fc"):
        return 10 * drawn
    if key == "synthesis.input.affine.bias":
        return 0.2 * drawn + np.array([1.0, 0.0, 0.0, 0.0])
    return 0.3 * drawn + 1 if key.endswith("affine.bias") else 0.1 * drawn
