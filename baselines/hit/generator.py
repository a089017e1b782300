"""HiT's generator (arXiv 2106.07631): stages of attention at low resolution, of MLPs at high, tied by cross-attention.

Shape suffixes: z_BZ latents, embedding_BSE tokens of the latent, x_BHWC features, x_BGPC features by patches (see
`blocks`), rgb_BHW3 and image_BCHW images in [-1, 1] (not bounded).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines.hit import inference
from baselines.hit.blocks import AxialBlock, BatchNorm, Block, CrossBlock
from baselines.hit.config import BASE_PX, EMBEDDINGS, Arch, parse_arch
from stylenat.core.interface import GeneratorSpec

STD = 0.02
CUT = 2 * STD


class Embedding(nn.Module):
    """The latent as tokens that every stage attends to."""

    def __init__(self, z_dim: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(z_dim, EMBEDDINGS * width)
        self.pos = nn.Parameter(torch.empty(1, EMBEDDINGS, width))
        self.norm = BatchNorm(width)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """(B, Z) to (B, S, E)."""
        return self.norm(self.dense(z_BZ).view(len(z_BZ), EMBEDDINGS, -1) + self.pos)


class ToRGB(nn.Module):
    """Normalised features to an image, added to the image of the stage before at twice its size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.fc = nn.Linear(channels, 3)

    def forward(self, x_BHWC: Tensor, rgb_BHW3: Tensor | None) -> Tensor:
        """Features and the image so far, None at the first, to an image (B, H, W, 3)."""
        return add_enlarged(self.fc(self.norm(x_BHWC)), rgb_BHW3)


class Stage(nn.Module):
    """The blocks of one resolution, its part of the image where it makes one, and the way to the next resolution."""

    def __init__(self, arch: Arch, index: int) -> None:
        super().__init__()
        channels, heads, self.side = arch.width(index), arch.heads[index], arch.side(index)
        self.patch = arch.patches[index]
        self.pos = nn.Parameter(torch.empty(1, self.side, self.side, channels))
        make = (lambda: AxialBlock(channels, heads, channels)) if self.patch else (lambda: Block(channels))
        first = CrossBlock(channels, heads, arch.embedding_width)
        self.blocks = nn.ModuleList([first, *(make() for _ in range(arch.layers[index]))])
        last = arch.stages - 1
        self.rgb = ToRGB(channels) if index > last - arch.rgb_stages else None
        next_channels = channels // 4 if index == last else arch.width(index + 1)
        self.up = None if next_channels == channels // 4 else nn.Linear(channels // 4, next_channels)

    def forward(self, x_BHWC: Tensor, embedding_BSE: Tensor, fast: bool = False) -> Tensor:
        """(B, H, W, C) to the same shape; the fast way is for eval mode without gradients."""
        x_BGPC = to_patches(x_BHWC + self.pos, self.patch)
        for block in self.blocks:
            x_BGPC = inference.run(block, x_BGPC, embedding_BSE) if fast else block(x_BGPC, embedding_BSE)
        return from_patches(x_BGPC, self.patch)

    def enlarge(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, C) to (B, 2H, 2W, C'): each pixel's channels, in four parts, become 2 x 2 pixels of width C'."""
        x_BHW4D = x_BHWC.unflatten(3, (4, -1))
        # A linear layer for each new pixel, so it may as well come before they are rearranged.
        return spread(x_BHW4D if self.up is None else self.up(x_BHW4D))


class Generator(nn.Module):
    """Latents to images; in eval mode image i is a function of row i alone, in train mode batches are normalised."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        super().__init__()
        config = parse_arch(arch)
        self.spec = GeneratorSpec(config.z_dim, config.resolution)
        self.dense = nn.Linear(config.z_dim, BASE_PX**2 * config.width(0))
        self.emb = Embedding(config.z_dim, config.embedding_width)
        self.stages = nn.ModuleList(Stage(config, index) for index in range(config.stages))
        self.apply(_initialise)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Latents (B, Z), not normalised, to images (B, 3, H, W), float32; labels are ignored."""
        embedding_BSE, rgb_BHW3 = self.emb(z_BZ), None
        x_BHWC = self.dense(z_BZ).view(len(z_BZ), BASE_PX, BASE_PX, -1)
        fast = not self.training and inference.serves(z_BZ)
        for stage in self.stages:
            x_BHWC = stage(x_BHWC, embedding_BSE, fast)
            if stage.rgb is not None:
                rgb_BHW3 = stage.rgb(x_BHWC, rgb_BHW3)
            if stage.side < self.spec.resolution:
                x_BHWC = stage.enlarge(x_BHWC)
        return rgb_BHW3.permute(0, 3, 1, 2).contiguous().float()

    def levels(self) -> list[tuple[int, nn.Module]]:
        """The stages, each with the side of its maps in px."""
        return [(stage.side, stage) for stage in self.stages]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=STD, a=-CUT, b=CUT)
        nn.init.zeros_(module.bias)
    elif isinstance(module, Embedding | Stage):
        nn.init.trunc_normal_(module.pos, std=STD, a=-CUT, b=CUT)


def to_patches(x_BHWC: Tensor, patch: int) -> Tensor:
    """(B, H, W, C) to (B, G, P, C), patches and their pixels row by row; patch 0 is one patch of the whole map."""
    batch, side, _, channels = x_BHWC.shape
    if not patch:
        return x_BHWC.reshape(batch, 1, side * side, channels)
    grid = side // patch
    x = x_BHWC.view(batch, grid, patch, grid, patch, channels).transpose(2, 3)
    return x.reshape(batch, grid * grid, patch * patch, channels)


def from_patches(x_BGPC: Tensor, patch: int) -> Tensor:
    """The inverse of `to_patches`."""
    batch, patches, pixels, channels = x_BGPC.shape
    side = round((patches * pixels) ** 0.5)
    if not patch:
        return x_BGPC.reshape(batch, side, side, channels)
    x = x_BGPC.view(batch, side // patch, side // patch, patch, patch, channels).transpose(2, 3)
    return x.reshape(batch, side, side, channels)


def spread(x_BHW4C: Tensor) -> Tensor:
    """Four pixels, row by row, in the place of one: (B, H, W, 4, C) to (B, 2H, 2W, C)."""
    batch, height, width, _, channels = x_BHW4C.shape
    x = x_BHW4C.view(batch, height, width, 2, 2, channels).transpose(2, 3)
    return x.reshape(batch, 2 * height, 2 * width, channels)


def add_enlarged(rgb_BHW3: Tensor, small_BHW3: Tensor | None) -> Tensor:
    """The sum of an image and one of half its size, whose pixels are repeated."""
    if small_BHW3 is None:
        return rgb_BHW3
    batch, height, width, _ = small_BHW3.shape
    fine = rgb_BHW3.view(batch, height, 2, width, 2, 3)
    return (fine + small_BHW3[:, :, None, :, None]).view(rgb_BHW3.shape)
