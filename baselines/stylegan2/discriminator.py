"""StyleGAN2's residual discriminator (arXiv 1912.04958, section 4.1), all convolutions at an equalised rate.

Module names are those of the official checkpoints. Shape suffixes: x_BCHW features, logit_B1.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from baselines.stylegan2.config import BASE_PX, Arch, parse_arch
from stylenat.nn.equalized import EqualLinear, scaled_leaky_relu
from stylenat.nn.norms import append_minibatch_stddev
from stylenat.nn.resample import BlurFIR, DownsampleFIR


class Conv(nn.Module):
    """A convolution whose weight is scaled by 1 / sqrt(fan_in), with activation and bound."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, clamp: float | None, stride: int = 1) -> None:
        super().__init__()
        self.clamp, self.stride, self.gain = clamp, stride, 1 / math.sqrt(in_channels * kernel**2)
        self.blur = BlurFIR() if stride > 1 else None
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, O, H / stride, W / stride)."""
        padding = self.weight.shape[-1] // 2
        if self.blur is not None:
            x_BCHW, padding = self.blur(x_BCHW), 0
        x_BCHW = F.conv2d(x_BCHW, self.weight * self.gain, self.bias, self.stride, padding)
        return _clamped(scaled_leaky_relu(x_BCHW), self.clamp)


class Skip(nn.Module):
    """The linear path beside a block, at half the size."""

    def __init__(self, in_channels: int, out_channels: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp, self.gain = clamp, 1 / math.sqrt(in_channels)
        self.down = DownsampleFIR()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, O, H / 2, W / 2)."""
        return _clamped(F.conv2d(self.down(x_BCHW), self.weight * self.gain), self.clamp)


class Block(nn.Module):
    """Two convolutions beside a linear path, from one size to half of it; the first block reads the image."""

    def __init__(self, arch: Arch, side: int) -> None:
        super().__init__()
        channels, out_channels = arch.channels(side), arch.channels(side // 2)
        self.fromrgb = Conv(3, channels, 1, arch.conv_clamp) if side == arch.resolution else None
        self.conv0 = Conv(channels, channels, 3, arch.conv_clamp)
        self.conv1 = Conv(channels, out_channels, 3, arch.conv_clamp, stride=2)
        self.skip = Skip(channels, out_channels, arch.conv_clamp)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Features, or the image, to features of half the size."""
        x_BCHW = x_BCHW if self.fromrgb is None else self.fromrgb(x_BCHW)
        return (self.conv1(self.conv0(x_BCHW)) + self.skip(x_BCHW)) * math.sqrt(0.5)


class Epilogue(nn.Module):
    """The 4 x 4 map, with the deviation within groups of images beside it, to a logit."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        channels, self.group_size = arch.channels(BASE_PX), arch.mbstd_group_size
        self.conv = Conv(channels + 1, channels, 3, arch.conv_clamp)
        self.fc = EqualLinear(channels * BASE_PX**2, channels, activate=True)
        self.out = EqualLinear(channels, 1)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, 4, 4) to (B, 1)."""
        x_BCHW = self.conv(append_minibatch_stddev(x_BCHW, self.group_size))
        return self.out(self.fc(x_BCHW.flatten(1)))


class Discriminator(nn.Module):
    """Images in [-1, 1] to logits; the batch must be a multiple of min(batch, mbstd_group_size)."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        super().__init__()
        config = parse_arch(arch)
        self.sides = config.sides[:0:-1]
        for side in self.sides:
            self.add_module(f"b{side}", Block(config, side))
        self.b4 = Epilogue(config)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to logits (B, 1)."""
        x_BCHW = image_BCHW
        if x_BCHW.device.type == "cpu":
            # There the filters are faster with channels innermost.
            x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
        for side in self.sides:
            x_BCHW = self.get_submodule(f"b{side}")(x_BCHW)
        return self.b4(x_BCHW)


def _clamped(x: torch.Tensor, clamp: float | None) -> torch.Tensor:
    return x if clamp is None else x.clamp(-clamp, clamp)
