"""Inception-v3 of the pytorch-fid class, by clean-fid: half-pixel bilinear resize, pixels as 2 * x / 255 - 1.

Equal to pytorch-fid, to the official StyleNAT and StyleSwin evaluations, and to clean-fid's mode `legacy_pytorch`.
Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D the layer's width).
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from stylenat.features._cleanfid import build_inception

INPUT_PX = 299


class InceptionPytorch(torch.nn.Module):
    """Pooled features of one layer ('64', '192', '768' or '2048'); layers above it are not computed."""

    def __init__(self, weights: Path, layer: str) -> None:
        super().__init__()
        self.width = int(layer)
        self.network = build_inception(weights, layer, normalize_input=True)

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        size = (INPUT_PX, INPUT_PX)
        resized = F.interpolate(pixel_BCHW.float(), size=size, mode="bilinear", align_corners=False).clamp(0, 255)
        (feature_BDHW,) = self.network(resized / 255)
        return F.adaptive_avg_pool2d(feature_BDHW, 1).flatten(1)
