"""StyleSwin's generator (arXiv 2112.10762): the skeleton with double window attention."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from baselines.styleswin.attention import DoubleAttention
from baselines.styleswin.config import Arch, parse_arch
from stylenat.nn.init import STD
from stylenat.nn.skeleton.config import resolution_of
from stylenat.nn.skeleton.generator import SkeletonGenerator


class Generator(SkeletonGenerator):
    """Latents to images; image i is a function of row i alone."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        config = parse_arch(arch)
        super().__init__(config, partial(make_attention, config))
        for name, parameter in self.named_parameters():
            if ".relative_position_bias_table" in name:
                nn.init.trunc_normal_(parameter, std=STD)


def make_attention(arch: Arch, level: int) -> nn.Module:
    """The attention of a level."""
    side = resolution_of(level)
    return DoubleAttention(arch.channels(side), arch.heads(level), side, arch.window(level))
