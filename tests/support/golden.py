"""The rules that fill networks with deterministic numbers, and the inputs, of the golden files.

Every value is a function of its official name; see golden/README.md.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def load(name):
    """The specification and the arrays of a case."""
    spec = json.loads((FOLDER / f"{name}.json").read_text())
    path = FOLDER / f"{name}.npz"
    return spec, dict(np.load(path)) if path.exists() else {}


def raw(key, shape):
    """The raw values of a tensor, float64."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(tuple(shape))


def latents(count, dim, seed=7):
    """Latents (count, dim), float32."""
    z = np.random.Generator(np.random.PCG64(seed)).standard_normal((count, dim))
    return torch.from_numpy(z.astype(np.float32))


def images(count, size):
    """A batch of images (count, 3, size, size), float32."""
    rng = np.random.Generator(np.random.PCG64(11))
    low = rng.standard_normal((count, 3, 8, 8))
    high = rng.standard_normal((count, 3, size, size))
    low = low.repeat(size // 8, axis=2).repeat(size // 8, axis=3)
    return torch.from_numpy((low + 0.5 * high).astype(np.float32))


def _fan_in(shape):
    return int(np.prod(shape[1:])) if len(shape) > 1 else 1


def generator_value(key, shape):
    """A tensor of a StyleNAT or StyleSwin generator, float32."""
    values = raw(key, shape).astype(np.float32)
    if key.startswith("style.") and key.endswith("weight"):
        return 100 * values
    if "rpb" in key or "relative_position_bias_table" in key:
        return 0.5 * values
    if key.endswith("alpha"):
        return np.full(shape, 0.5, np.float32)
    if ".style.weight" in key:
        return values
    if ".style.bias" in key:
        return 0.3 * values + np.float32(0.5)
    if key.endswith("norm.weight"):
        return 0.2 * values + 1
    if key.endswith("bias"):
        return 0.1 * values
    return values if key == "input.input" else values / np.float32(_fan_in(shape) ** 0.5)


def discriminator_state(spec):
    """The state of the wavelet discriminator under the names of the official one."""
    shapes = {**spec["params"], **{key: spec["buffers"][key][0] for key in spec["seeded_buffers"]}}
    return discriminator_values(shapes)


def discriminator_values(shapes):
    """Values for parameters and the spectral norm's u and v, by official name."""
    state = {}
    for key, shape in shapes.items():
        values = raw(key, shape).astype(np.float32)
        if key.endswith(("weight_u", "weight_v")):
            values = values / np.linalg.norm(values)
        elif key.endswith("weight_orig"):
            stem = key.removesuffix("weight_orig")
            u, v = (_unit(f"{stem}weight_{x}", size) for x, size in (("u", shape[0]), ("v", _fan_in(shape))))
            values = values / np.float32(_fan_in(shape) ** 0.5) + np.outer(u, v).reshape(shape)
        elif key.endswith("bias"):
            values = 0.1 * values
        state[key] = torch.from_numpy(np.asarray(values, np.float32))
    return state


def _unit(key, size):
    values = raw(key, (size,)).astype(np.float32)
    return values / np.linalg.norm(values)


def generator_state(shapes):
    """The state of a StyleNAT or StyleSwin generator under official names."""
    return {key: torch.from_numpy(np.asarray(generator_value(key, shape), np.float32)) for key, shape in shapes.items()}
