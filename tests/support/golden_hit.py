"""The rules that fill HiT with the numbers of the golden files, and the way from structural names to this project's.

Values are drawn in the official layout, channels last and inputs first, and turned afterwards.
"""

import re

import numpy as np
import torch

from support.golden import raw

# HiT-B as the ImageNet networks of 128 px have it.
ARCH_128 = {
    "resolution": 128,
    "channels": [512, 512, 256, 128, 128],
    "layers": [2, 2, 2, 2, 2],
    "heads": [16, 8, 4, 4, 4],
    "patches": [4, 4, 8, 8, 0],
    "rgb_stages": 1,
    "z_dim": 256,
    "channel_multiplier": 1,
}
OURS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def state(spec):
    """A case's parameters and buffers, float32, under this project's names; from its specification."""
    shapes = {**spec["params"], **{key: spec["buffers"][key][0] for key in spec["seeded_buffers"]}}
    structure = spec["structure"]
    return {_name(structure[key]): _turned(structure[key], value(key, structure[key], shapes[key])) for key in shapes}


def value(key, name, shape):
    """One parameter or buffer in the official layout; `name` is structural."""
    drawn, kind = raw(key, shape), name.rpartition(".")[2]
    if kind == "kernel":
        return _gain(name) * drawn / _fan_in(name, shape) ** 0.5
    if kind == "moving_variance":
        return 1 + 0.5 * np.abs(drawn)
    scale, shift = {
        "bias": (0.1, 0),
        "embedding_weight": (0.5, 0),
        "gamma": (0.2, 1),
        "beta": (0.1, 0),
        "moving_mean": (0.1, 0),
    }[kind]
    return scale * drawn + shift


def _gain(name):
    if name.startswith("d."):
        return 1.4
    return 0.5 if re.search(r"\.(output_dense|fc2)\.kernel$", name) else 1


def _fan_in(name, shape):
    """The axes that are summed over: the first of a query, key or value, all but the last of anything else."""
    if re.search(r"\.(query|key|value)_dense\.", name):
        return shape[0]
    return int(np.prod(shape[:-1]))


def _name(name):
    """A structural name as this project has it."""
    name = re.sub(r"^s(\d+)\.b(\d+)\.", r"stages.\1.blocks.\2.", name)
    name = re.sub(r"^s(\d+)\.", r"stages.\1.", name)
    name = re.sub(r"^d\.block(\d+)\.", r"blocks.\1.", name).removeprefix("d.").removesuffix(".embedding_weight")
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{OURS.get(kind, kind)}"


def _turned(name, values):
    """Inputs last, heads joined, filters as (out, in, height, width); the embedding's positions lose an axis."""
    if name == "emb.pos.embedding_weight":
        values = values[0]
    elif name.endswith("kernel"):
        if name.startswith("d.") and values.ndim == 4:
            values = values.transpose(3, 2, 0, 1)
        elif "output_dense" in name:
            values = values.reshape(-1, values.shape[-1]).T
        else:
            values = values.reshape(len(values), -1).T
    elif re.search(r"\.(query|key|value)_dense\.bias$", name):
        values = values.reshape(-1)
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
