"""Inception-v3 of the clean class, by clean-fid: its own resize to 299 px, pixels as (x - 128) / 128.

The resize is Pillow's bicubic filter on each channel in float32, widened by the ratio and not rounded to whole levels.
Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D the layer's width).
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from stylenat.features._cleanfid import build_inception
from stylenat.features._load import quiet
from stylenat.features._resize import resize_each


class InceptionClean(torch.nn.Module):
    """Pooled features of one layer ('64', '192', '768' or '2048'); layers above it are not computed."""

    def __init__(self, weights: Path, layer: str) -> None:
        super().__init__()
        self.width = int(layer)
        self.network = build_inception(weights, layer, normalize_input=False)
        with quiet():
            from cleanfid.resize import build_resizer  # its package's import warns

            self.resize = build_resizer("clean")

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        resized_BCHW = resize_each(pixel_BCHW, self.resize)
        (feature_BDHW,) = self.network((resized_BCHW - 128) / 128)
        return F.adaptive_avg_pool2d(feature_BDHW, 1).flatten(1)
