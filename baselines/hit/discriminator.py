"""HiT's residual discriminator: plain weights, leaky ReLUs without gain, no statistics over the batch.

Shape suffixes: x_BCHW features, logit_B1.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.hit.config import Arch, parse_arch
from stylenat.nn.resample import DownsampleFIR

NEGATIVE_SLOPE = 0.2
LAST_PX = 4


class Block(nn.Module):
    """Two convolutions beside a linear path, from one size to half of it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.down = DownsampleFIR()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        main = _activate(self.conv1(self.down(_activate(self.conv0(x_BCHW)))))
        return (main + self.skip(self.down(x_BCHW))) * math.sqrt(0.5)


class Final(nn.Module):
    """The 4 x 4 map to a logit."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.fc0 = nn.Linear(channels * LAST_PX**2, channels)
        self.fc1 = nn.Linear(channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, 4, 4) to (B, 1)."""
        x_BHWC = _activate(self.conv(x_BCHW)).permute(0, 2, 3, 1)
        return self.fc1(_activate(self.fc0(x_BHWC.flatten(1))))


class Discriminator(nn.Module):
    """Images in [-1, 1] to logits; no image depends on another."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        super().__init__()
        config = parse_arch(arch)
        self.stem = nn.Conv2d(3, config.discriminator_width(config.resolution), 3, padding=1)
        self.blocks = nn.ModuleList(_blocks(config))
        self.final = Final(config.discriminator_width(LAST_PX))
        self.apply(_initialise)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1)."""
        x_BCHW = _activate(self.stem(image_BCHW))
        for block in self.blocks:
            x_BCHW = block(x_BCHW)
        return self.final(x_BCHW)


def _blocks(config: Arch) -> list[Block]:
    sides = [LAST_PX * 2**index for index in range((config.resolution // LAST_PX).bit_length())][:0:-1]
    return [Block(config.discriminator_width(side), config.discriminator_width(side // 2)) for side in sides]


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, NEGATIVE_SLOPE)


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
