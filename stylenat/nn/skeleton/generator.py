"""The generator of the skeleton: style-modulated transformer blocks with a token mixer of the family's own.

A mixer is a module with the linear layers `qkv` and `proj` and a method `attend` from packed projections (B, H, W, 3C)
to (B, H, W, C); it may take `out`, where to put them. Module names are those of the official checkpoints. Shape
suffixes: z_BZ latents, w_BW styles, x_BTC tokens (T = H * W, row by row), x_BHWC and x_BCHW the same as maps, rgb_BCHW
images in ImageNet-normalised range.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from stylenat.core.interface import GeneratorSpec
from stylenat.nn.constants import register_constant
from stylenat.nn.equalized import EqualLinear
from stylenat.nn.init import init_transformer
from stylenat.nn.linear import Linear
from stylenat.nn.norms import AdaIN, PixelNorm
from stylenat.nn.position import position_axes
from stylenat.nn.resample import UpsampleFIR, enlarge
from stylenat.nn.skeleton import inference
from stylenat.nn.skeleton.config import BASE_PX, SkeletonArch, resolution_of

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAPPING_LR_MUL = 0.01
MLP_RATIO = 4

MakeMixer = Callable[[int], nn.Module]  # the mixer of a level


class ConstantInput(nn.Module):
    """The learned 4 x 4 map that every image starts from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, BASE_PX, BASE_PX))

    def forward(self, batch: int) -> torch.Tensor:
        """Tokens (batch, 16, C)."""
        return self.input.flatten(2).transpose(1, 2).repeat(batch, 1, 1).contiguous()


class MLP(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = Linear(channels, MLP_RATIO * channels)
        self.fc2 = Linear(MLP_RATIO * channels, channels)

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        """(B, T, C) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x_BTC)))


class Block(nn.Module):
    """Attention and MLP, each behind an adaptive instance norm and beside a residual path."""

    def __init__(self, arch: SkeletonArch, level: int, make_mixer: MakeMixer) -> None:
        super().__init__()
        self.side = resolution_of(level)
        channels = arch.channels(self.side)
        self.norm1 = AdaIN(channels, arch.style_dim)
        self.attn = make_mixer(level)
        self.norm2 = AdaIN(channels, arch.style_dim)
        self.mlp = MLP(channels)

    def forward(self, x_BTC: torch.Tensor, w_BW: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, C) and styles (B, W) to tokens (B, T, C)."""
        x_BHWC = self.norm1(x_BTC, w_BW).unflatten(1, (self.side, self.side))
        x_BTC = x_BTC + self.attn(x_BHWC).flatten(1, 2)
        return x_BTC + self.mlp(self.norm2(x_BTC, w_BW))


class Upsample(nn.Module):
    """Twice the resolution, bilinearly; normalised, projected, and the position code added with a learned weight."""

    def __init__(self, in_channels: int, out_channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.norm = nn.LayerNorm(in_channels)
        self.reduction = Linear(in_channels, out_channels, bias=False)
        self.alpha = nn.Parameter(torch.zeros(1))
        for axis, name in enumerate(("code_1WC", "code_H1C")):
            register_constant(self, name, partial(_position_axis, 2 * side, out_channels, axis))

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, C) to (B, 4T, C')."""
        x_BHWC = self.reduction(self.norm(enlarge(x_BTC.unflatten(1, (self.side, self.side)))))
        return (x_BHWC + self.alpha * self.code_1WC + self.alpha * self.code_H1C).flatten(1, 2)


def _position_axis(side: int, channels: int, axis: int) -> torch.Tensor:
    return position_axes(side, channels)[axis]


class Level(nn.Module):
    """Two blocks at one resolution, and the upsampler to the next (none at the last)."""

    def __init__(self, arch: SkeletonArch, level: int, make_mixer: MakeMixer) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(arch, level, make_mixer) for _ in range(2))
        side, last = resolution_of(level), level == arch.levels - 1
        self.upsample = None if last else Upsample(arch.channels(side), arch.channels(2 * side), side)

    def forward(self, x_BTC: torch.Tensor, w_BW: torch.Tensor, path: inference.Path | None = None) -> torch.Tensor:
        """Tokens in, tokens of the next level out; a path has its own way for blocks and upsampler."""
        for block in self.blocks:
            x_BTC = block(x_BTC, w_BW) if path is None else path.block(block, x_BTC, w_BW)
        if self.upsample is None:
            return x_BTC
        return self.upsample(x_BTC) if path is None else path.upsample(self.upsample, x_BTC)


class ToRGB(nn.Module):
    """Features to an image, added to the upsampled image of the level before; two biases, as in the original."""

    def __init__(self, channels: int, upsample: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 3, kernel_size=1)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = UpsampleFIR() if upsample else None

    def forward(self, x_BTC: torch.Tensor, skip_BCHW: torch.Tensor | None) -> torch.Tensor:
        """Tokens (B, H * W, C) and the image so far to an image (B, 3, H, W)."""
        side = round(x_BTC.shape[1] ** 0.5)
        with _full_precision(x_BTC.device.type):  # in which images are summed
            weight_B3C = self.conv.weight.flatten(1).expand(len(x_BTC), -1, -1)
            rgb_BCHW = torch.bmm(weight_B3C, x_BTC.to(weight_B3C.dtype).transpose(1, 2)).unflatten(2, (side, side))
            rgb_BCHW = rgb_BCHW + (self.conv.bias.view(1, -1, 1, 1) + self.bias)
            if skip_BCHW is None:
                return rgb_BCHW
            return rgb_BCHW + (skip_BCHW if self.upsample is None else self.upsample(skip_BCHW))


def _full_precision(device_type: str) -> AbstractContextManager[object]:
    """Autocast switched off; a device without numbers has none."""
    return nullcontext() if device_type == "meta" else torch.autocast(device_type, enabled=False)


class SkeletonGenerator(nn.Module):
    """Latents to images; image i is a function of row i alone."""

    def __init__(self, arch: SkeletonArch, make_mixer: MakeMixer) -> None:
        super().__init__()
        dim, levels = arch.style_dim, range(arch.levels)
        self.spec = GeneratorSpec(dim, arch.resolution, pixel_mean=IMAGENET_MEAN, pixel_std=IMAGENET_STD)
        mapping = (EqualLinear(dim, dim, MAPPING_LR_MUL, activate=True) for _ in range(arch.mapping_layers))
        self.style = nn.Sequential(PixelNorm(), *mapping)
        self.input = ConstantInput(arch.channels(BASE_PX))
        self.layers = nn.ModuleList(Level(arch, level, make_mixer) for level in levels)
        # An image is made behind each level's upsampler: none at 4 x 4, two at full size, the last one added as it is.
        sides = [min(resolution_of(level + 1), arch.resolution) for level in levels]
        last = arch.levels - 1
        self.to_rgbs = nn.ModuleList(ToRGB(arch.channels(side), level < last) for level, side in enumerate(sides))
        self.apply(init_transformer)

    def forward(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, Z) to images (B, 3, H, W), at least float32, ImageNet-normalised; labels are ignored."""
        w_BW = self.style(z_BZ)
        x_BTC, rgb_BCHW = self.input(len(z_BZ)), None
        path = inference.path_for(z_BZ)
        for level, to_rgb in zip(self.layers, self.to_rgbs, strict=True):
            x_BTC = level(x_BTC, w_BW, path)
            rgb_BCHW = to_rgb(x_BTC, rgb_BCHW)
        return rgb_BCHW.to(torch.promote_types(rgb_BCHW.dtype, torch.float32))

    def levels(self) -> list[tuple[int, nn.Module]]:
        """The levels, each with the side of its maps in px."""
        return [(resolution_of(index), level) for index, level in enumerate(self.layers)]
