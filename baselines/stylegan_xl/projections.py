"""Random projections that mix a feature network's maps across channels and scales (arXiv 2111.01007, section 3.2).

Frozen at their random initial values. Shape suffix: x_BCHW maps, fine to coarse in lists.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

MIXED_CHANNELS = (64, 128, 256, 512)  # after the mixing across channels
PYRAMID_CHANNELS = (64, 64, 128, 256)  # after the mixing across scales: what the heads see


class RandomProjection(nn.Module):
    """Four maps to four of twice the resolution; every one holds something of all coarser ones."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(channels, MIXED_CHANNELS, strict=True))
        pairs = zip(MIXED_CHANNELS, PYRAMID_CHANNELS, strict=True)
        self.across_scales = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairs)

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Maps and pyramid, both fine to coarse."""
        mixed = [conv(x_BCHW) for conv, x_BCHW in zip(self.across_channels, maps, strict=True)]
        pyramid: list[torch.Tensor] = []
        for conv, x_BCHW in zip(reversed(self.across_scales), reversed(mixed), strict=True):
            summed = x_BCHW + pyramid[0] if pyramid else x_BCHW
            # Originally enlarged first; the 1 x 1 convolution commutes with that and here has a quarter of the work.
            pyramid.insert(0, F.interpolate(conv(summed), scale_factor=2, mode="bilinear", align_corners=True))
        return pyramid
