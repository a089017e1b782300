"""StyleNAT's generator (arXiv 2211.05770): the skeleton with hydra neighborhood attention.

Module names are those of the official checkpoints.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from stylenat.attention import FullAttention, HydraAttention
from stylenat.network.config import Arch, parse_arch
from stylenat.nn.init import STD
from stylenat.nn.skeleton.config import BASE_PX, resolution_of
from stylenat.nn.skeleton.generator import SkeletonGenerator


class Generator(SkeletonGenerator):
    """Latents to images; image i is a function of row i alone."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        config = parse_arch(arch)
        super().__init__(config, partial(make_attention, config))
        for name, parameter in self.named_parameters():
            if ".rpb" in name:
                nn.init.trunc_normal_(parameter, std=STD)


def make_attention(arch: Arch, level: int) -> nn.Module:
    """The attention of a level: over the whole 4 x 4 map, in neighborhoods above."""
    channels, heads = arch.channels(resolution_of(level)), arch.heads(level)
    if level == 0:
        return FullAttention(channels, heads, BASE_PX)
    return HydraAttention(channels, heads, arch.kernels(level), arch.dilations[level])
