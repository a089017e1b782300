"""The four small discriminators on a pyramid of projected features (arXiv 2111.01007, section 3.1).

Shape suffixes: x_BCHW maps, logit_BN.
"""

from collections.abc import Sequence

import torch
from torch import nn

from baselines.stylegan_xl.projections import PYRAMID_CHANNELS
from stylenat.nn.equalized import NEGATIVE_SLOPE

NOMINAL_SIDES = (128, 64, 32, 16)  # where the heads start, whatever the true size of their maps
LAST_SIDE = 8
WIDTHS = {64: 64, 32: 128, 16: 256, 8: 512}  # by nominal side


def spectral(module: nn.Module) -> nn.Module:
    """A layer under spectral normalisation, one power iteration a training call (arXiv 1802.05957)."""
    return nn.utils.spectral_norm(module)  # the newer parametrization names and stores its vectors differently


class Head(nn.Module):
    """Strided convolutions down to a map of logits."""

    def __init__(self, in_channels: int, side: int, max_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while side > LAST_SIDE:
            side //= 2
            width = min(WIDTHS[side], max_channels)
            conv = spectral(nn.Conv2d(in_channels, width, 4, stride=2, padding=1))
            layers += [conv, nn.BatchNorm2d(width), nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]
            in_channels = width
        self.layers = nn.Sequential(*layers, spectral(nn.Conv2d(in_channels, 1, 4, bias=False)))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """A map to logits (B, n), one for each place."""
        return self.layers(x_BCHW).flatten(1)


class Heads(nn.Module):
    """One head for each map of the pyramid."""

    def __init__(self, max_channels: int) -> None:
        super().__init__()
        starts = zip(PYRAMID_CHANNELS, NOMINAL_SIDES, strict=True)
        self.heads = nn.ModuleList(Head(channels, side, max_channels) for channels, side in starts)

    def forward(self, pyramid: Sequence[torch.Tensor]) -> torch.Tensor:
        """Maps, fine to coarse, to the logits of all heads (B, N)."""
        return torch.cat([head(x_BCHW) for head, x_BCHW in zip(self.heads, pyramid, strict=True)], dim=1)
