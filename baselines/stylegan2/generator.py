"""StyleGAN2's generator (arXiv 1912.04958): mapping, and a synthesis of modulated convolutions with summed images.

Module names are those of the official checkpoints. Shape suffixes: z_BZ latents, w_BW styles, ws_BLW one style a layer,
x_BCHW features, rgb_BCHW images in [-1, 1] (not bounded).
"""

import math
from collections.abc import Mapping as Arguments
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import nn

from baselines.stylegan2.config import Arch, parse_arch
from stylenat.core.errors import InputError, nearest
from stylenat.core.interface import GeneratorSpec
from stylenat.nn.constants import register_constant
from stylenat.nn.equalized import EqualLinear
from stylenat.nn.mapping import Mapping
from stylenat.nn.modulated import demodulation, modulated_conv, scale_and_activate
from stylenat.nn.resample import UpsampleFIR, fir_kernel

W_AVG_BETA = 0.995
NOISE_MODES = ("const", "random", "none")

Noise = Literal["const", "random", "none"]


def upsampling_filter() -> torch.Tensor:
    """The filter behind a transposed convolution of stride 2, of sum 4: three of four numbers it meets came from 0."""
    return fir_kernel(4.0)


class SynthesisLayer(nn.Module):
    """A modulated 3 x 3 convolution, at twice the size where `up`, with noise, bias and activation."""

    def __init__(self, arch: Arch, in_channels: int, out_channels: int, side: int, up: bool) -> None:
        super().__init__()
        self.clamp = arch.conv_clamp
        self.affine = EqualLinear(arch.w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.up = up
        if up:
            register_constant(self, "fir_11KK", upsampling_filter)

    def forward(self, x_BCHW: torch.Tensor, w_BW: torch.Tensor, noise: Noise) -> torch.Tensor:
        """Features, which may be written over, and styles to features of `side` px."""
        style_BC = self.affine(w_BW)
        y_BOHW = modulated_conv(x_BCHW, self.weight, style_BC, self.fir_11KK if self.up else None)
        scale_BO = demodulation(self.weight, style_BC)
        return scale_and_activate(y_BOHW, scale_BO, self.bias, self._noise(y_BOHW, noise), self.clamp)

    def _noise(self, like_BOHW: torch.Tensor, noise: Noise) -> torch.Tensor | None:
        """One map for all channels."""
        if noise == "none":
            return None
        if noise == "const":
            return self.noise_const * self.noise_strength
        batch, _, height, width = like_BOHW.shape
        drawn_B1HW = torch.randn(batch, 1, height, width, dtype=like_BOHW.dtype, device=like_BOHW.device)
        return drawn_B1HW * self.noise_strength


class ToRGB(nn.Module):
    """Features to an image by a modulated 1 x 1 convolution, not demodulated."""

    def __init__(self, arch: Arch, channels: int) -> None:
        super().__init__()
        self.clamp, self.gain = arch.conv_clamp, 1 / math.sqrt(channels)
        self.affine = EqualLinear(arch.w_dim, channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(3, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x_BCHW: torch.Tensor, w_BW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, 3, H, W)."""
        # Three rows of weights are less to scale than the features.
        weight_B3C = self.weight[:, :, 0, 0] * (self.affine(w_BW) * self.gain)[:, None]
        rgb_BP3 = torch.baddbmm(self.bias, x_BCHW.flatten(2).transpose(1, 2), weight_B3C.transpose(1, 2))
        rgb_BCHW = rgb_BP3.transpose(1, 2).unflatten(2, x_BCHW.shape[2:])
        return rgb_BCHW if self.clamp is None else rgb_BCHW.clamp(-self.clamp, self.clamp)


class Block(nn.Module):
    """The layers of one resolution: the first block starts from a learned map, the others from the one before."""

    def __init__(self, arch: Arch, side: int, in_channels: int | None) -> None:
        super().__init__()
        channels = arch.channels(side)
        self.first = in_channels is None
        if in_channels is None:
            self.const = nn.Parameter(torch.randn(channels, side, side))
        else:
            self.conv0 = SynthesisLayer(arch, in_channels, channels, side, up=True)
            self.upsample = UpsampleFIR()
        self.conv1 = SynthesisLayer(arch, channels, channels, side, up=False)
        self.torgb = ToRGB(arch, channels)

    def forward(
        self, x_BCHW: torch.Tensor | None, rgb_BCHW: torch.Tensor | None, ws_BLW: torch.Tensor, noise: Noise
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and image of the block before, None at the first, to those of this one; a style for each layer."""
        ws = list(ws_BLW.unbind(dim=1))
        if self.first:
            # On a CPU the transposed convolutions and their filters are faster with channels innermost.
            layout = torch.channels_last if self.const.device.type == "cpu" else torch.contiguous_format
            x_BCHW = self.const.expand(len(ws_BLW), -1, -1, -1).clone(memory_format=layout)
        else:
            x_BCHW = self.conv0(x_BCHW, ws.pop(0), noise)
        x_BCHW = self.conv1(x_BCHW, ws.pop(0), noise)
        added_BCHW = self.torgb(x_BCHW, ws.pop(0))
        return x_BCHW, added_BCHW if self.first else added_BCHW + self.upsample(rgb_BCHW)


class Synthesis(nn.Module):
    """Styles to images. A block's image shares its style with the next block's first convolution."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.sides, self.num_ws = arch.sides, 2 * arch.levels
        self.b4 = Block(arch, self.sides[0], None)
        for before, side in pairwise(self.sides):
            self.add_module(f"b{side}", Block(arch, side, arch.channels(before)))

    def forward(self, ws_BLW: torch.Tensor, noise: Noise = "const") -> torch.Tensor:
        """(B, num_ws, W) to (B, 3, H, W); noise: the learned maps, a draw of torch's global generator, or none.

        Raises:
            InputError: another number of styles, or no such noise.
        """
        if ws_BLW.shape[1] != self.num_ws:
            raise InputError(f"found {ws_BLW.shape[1]} styles an image, expected {self.num_ws}")
        if noise not in NOISE_MODES:
            raise InputError(f"noise is '{noise}'; {nearest(noise, NOISE_MODES)}")
        x_BCHW, rgb_BCHW = self.b4(None, None, ws_BLW[:, :2], noise)
        for level, side in enumerate(self.sides[1:], start=1):
            block = self.get_submodule(f"b{side}")
            x_BCHW, rgb_BCHW = block(x_BCHW, rgb_BCHW, ws_BLW[:, 2 * level - 1 : 2 * level + 2], noise)
        return rgb_BCHW


class Generator(nn.Module):
    """Latents to images; in eval mode image i is a function of row i alone, in train mode noise is drawn."""

    def __init__(self, arch: Arguments[str, Any]) -> None:
        super().__init__()
        config = parse_arch(arch)
        self.spec = GeneratorSpec(config.z_dim, config.resolution)
        self.synthesis = Synthesis(config)
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(config.z_dim, config.w_dim, config.mapping_layers, W_AVG_BETA)

    def forward(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, Z) to images (B, 3, H, W), float32, in [-1, 1]; labels are ignored."""
        return self.truncated(z_BZ, psi=1, noise="random" if self.training else "const")

    def truncated(self, z_BZ: torch.Tensor, psi: float, noise: Noise = "const") -> torch.Tensor:
        """As `forward`, with styles drawn towards their mean where psi is less than 1."""
        w_BW = self.mapping.truncate(self.mapping(z_BZ), psi)
        return self.synthesis(self.broadcast(w_BW), noise).float().contiguous()

    def levels(self) -> list[tuple[int, nn.Module]]:
        """The blocks, each with the side of its maps in px."""
        return [(side, self.synthesis.get_submodule(f"b{side}")) for side in self.synthesis.sides]

    def broadcast(self, w_BW: torch.Tensor) -> torch.Tensor:
        """(B, W) to the same style for every layer, (B, num_ws, W)."""
        return w_BW[:, None].expand(-1, self.num_ws, -1)
