"""Resampling with the [1, 3, 3, 1] filter of StyleGAN2 (arXiv 1912.04958), per channel.

Shape suffixes: x_BCHW features, kernel_11KK one filter.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from stylenat.nn.constants import register_constant

TAPS = (1.0, 3.0, 3.0, 1.0)


def enlarge(x_BHWC: torch.Tensor) -> torch.Tensor:
    """A map (B, H, W, C) at twice the size, bilinearly; channels stay innermost in memory."""
    x_BCHW = F.interpolate(x_BHWC.permute(0, 3, 1, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return x_BCHW.permute(0, 2, 3, 1)


def fir_kernel(gain: float = 1.0) -> torch.Tensor:
    """The outer product of the taps, of sum `gain`: (1, 1, 4, 4)."""
    taps = torch.tensor(TAPS, device="cpu")
    kernel = torch.outer(taps, taps)
    return (kernel * (gain / kernel.sum()))[None, None]


class _Filter(nn.Module):
    """A fixed filter, kept as a buffer that is not part of the state."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        register_constant(self, "kernel", partial(fir_kernel, gain))

    def _per_channel(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return self.kernel.to(x_BCHW.dtype).expand(x_BCHW.shape[1], -1, -1, -1)


class UpsampleFIR(_Filter):
    """Twice the size: zeros inserted, filtered with gain 4."""

    def __init__(self) -> None:
        super().__init__(gain=4.0)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        return F.conv_transpose2d(x_BCHW, self._per_channel(x_BCHW), stride=2, padding=1, groups=x_BCHW.shape[1])


class DownsampleFIR(_Filter):
    """Half the size: filtered, every second pixel kept."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H / 2, W / 2)."""
        return F.conv2d(x_BCHW, self._per_channel(x_BCHW), stride=2, padding=1, groups=x_BCHW.shape[1])


class BlurFIR(_Filter):
    """The filter alone, two pixels padded on each side, for a convolution of stride 2 behind it."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H + 1, W + 1)."""
        return F.conv2d(x_BCHW, self._per_channel(x_BCHW), padding=2, groups=x_BCHW.shape[1])
