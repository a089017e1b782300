"""Official StyleGAN2 checkpoints: their keys are this project's, but for filters that are computed here.

`mapping.w_avg` and every `noise_const` are part of the state and are loaded.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from baselines.stylegan2.config import parse_arch
from baselines.stylegan2.discriminator import Discriminator
from baselines.stylegan2.generator import Generator
from stylenat.checkpoints.accept import Rule
from stylenat.checkpoints.nvidia import read_network, take_network
from stylenat.core.interface import Part
from stylenat.nn.resample import fir_kernel

FILTER = re.compile(r"(?:synthesis\.)?b\d+\.(?:\w+\.)?resample_filter")
RULES = (Rule(FILTER, "resampling filter", lambda _: fir_kernel()[0, 0]),)
# What the file's network was made with -> name in `arch`.
ARGUMENTS: dict[Part, dict[str, str]] = {
    "generator": {
        "kwargs.img_resolution": "resolution",
        "kwargs.z_dim": "z_dim",
        "kwargs.w_dim": "w_dim",
        "kwargs.mapping_kwargs.num_layers": "mapping_layers",
        "kwargs.synthesis_kwargs.channel_base": "channel_base",
        "kwargs.synthesis_kwargs.channel_max": "channel_max",
    },
    "discriminator": {
        "kwargs.img_resolution": "resolution",
        "kwargs.channel_base": "channel_base",
        "kwargs.channel_max": "channel_max",
        "kwargs.epilogue_kwargs.mbstd_group_size": "mbstd_group_size",
    },
}


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state dict of one network from an official file; the generator's EMA copy is preferred.

    Raises:
        InputError: the file can't be read without running code, holds no such network, or holds another one.
    """
    config = parse_arch(arch)
    name, held = read_network(path, part)
    with torch.device("meta"):
        network = Generator(arch) if part == "generator" else Discriminator(arch)
    return take_network(name, held, network, path, part, RULES, ARGUMENTS[part], config)
