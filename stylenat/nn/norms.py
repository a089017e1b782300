"""Normalisations of style-based networks.

Shape suffixes: z_BZ latents, x_BTC tokens, w_BW styles, x_BCHW features (G group, M = B / G).
"""

import torch
from torch import nn

from stylenat.core.errors import InputError
from stylenat.nn.equalized import EqualLinear

PIXEL_EPS = 1e-8
INSTANCE_EPS = 1e-5
STDDEV_EPS = 1e-8


class PixelNorm(nn.Module):
    """Rows scaled to a root mean square of 1 (arXiv 1710.10196)."""

    def forward(self, z_BZ: torch.Tensor) -> torch.Tensor:
        """(B, Z) to the same shape."""
        return z_BZ * torch.rsqrt(z_BZ.square().mean(dim=1, keepdim=True) + PIXEL_EPS)


class AdaIN(nn.Module):
    """Adaptive instance normalisation: tokens normalised per channel, then scaled and shifted by the style.

    The scale is the affine layer's output itself, with no 1 added (arXiv 2112.10762).
    """

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = EqualLinear(style_dim, 2 * channels)

    def forward(self, x_BTC: torch.Tensor, w_BW: torch.Tensor) -> torch.Tensor:
        """(B, T, C) and styles (B, W) to (B, T, C)."""
        variance_B1C, mean_B1C = torch.var_mean(x_BTC, dim=1, correction=0, keepdim=True)
        gamma_B1C, beta_B1C = self.style(w_BW).unsqueeze(1).chunk(2, dim=2)
        return torch.addcmul(beta_B1C, x_BTC - mean_B1C, gamma_B1C * torch.rsqrt(variance_B1C + INSTANCE_EPS))

    def affine(
        self, w_BW: torch.Tensor, variance_B1C: torch.Tensor, mean_B1C: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The whole as a scale and a shift of raw tokens, each (B, 1, C), from the styles and the tokens' moments."""
        gamma_B1C, beta_B1C = self.style(w_BW).unsqueeze(1).chunk(2, dim=2)
        scale_B1C = gamma_B1C * torch.rsqrt(variance_B1C + INSTANCE_EPS)
        return scale_B1C, beta_B1C - mean_B1C * scale_B1C


def append_minibatch_stddev(x_BCHW: torch.Tensor, group_size: int = 4) -> torch.Tensor:
    """Append one channel: the standard deviation over a group of images, averaged over channels and pixels.

    Image i shares a group with those at i + M, i + 2M, ..., M = B / group (arXiv 1912.04958).

    Raises:
        InputError: the batch is not divisible by the group, min(B, group_size).
    """
    batch, channels, height, width = x_BCHW.shape
    group = min(batch, group_size)
    if batch % group:
        raise InputError(f"the discriminator got {batch} images, expected a multiple of {group} (its stddev group)")
    x_GMCHW = x_BCHW.reshape(group, batch // group, channels, height, width)
    x_GMCHW = x_GMCHW.to(torch.promote_types(x_BCHW.dtype, torch.float32))  # of values that differ by little
    stddev_MCHW = torch.sqrt(x_GMCHW.var(dim=0, correction=0) + STDDEV_EPS)
    mean_M = stddev_MCHW.mean(dim=(1, 2, 3))
    extra_B1HW = mean_M.repeat(group).to(x_BCHW.dtype).view(batch, 1, 1, 1).expand(batch, 1, height, width)
    return torch.cat([x_BCHW, extra_B1HW], dim=1)
