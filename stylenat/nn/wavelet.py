"""The orthonormal Haar transform of 2 x 2 cells.

A cell [a b; c d] becomes LL = (a + b + c + d) / 2, LH = (a + b - c - d) / 2, HL = (a - b + c - d) / 2 and
HH = (a - b - c + d) / 2; the four bands stand one after the other on the channel axis. The matrix is its own inverse.
Shape suffixes: x_BCHW images, band_BDHW bands (D = 4C).
"""

import torch


def haar(x_BCHW: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) to bands (B, 4C, H / 2, W / 2)."""
    top, bottom = x_BCHW[:, :, 0::2], x_BCHW[:, :, 1::2]
    return torch.cat(_butterfly(top[..., 0::2], top[..., 1::2], bottom[..., 0::2], bottom[..., 1::2]), dim=1)


def inverse_haar(band_BDHW: torch.Tensor) -> torch.Tensor:
    """Bands (B, 4C, H, W) to (B, C, 2H, 2W)."""
    a, b, c, d = _butterfly(*band_BDHW.chunk(4, dim=1))
    top, bottom = torch.stack([a, b], dim=4).flatten(3), torch.stack([c, d], dim=4).flatten(3)
    return torch.stack([top, bottom], dim=3).flatten(2, 3)


def _butterfly(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> list[torch.Tensor]:
    return [(a + b + c + d) / 2, (a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]
