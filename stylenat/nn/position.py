"""Sinusoidal 2-D position code (arXiv 1706.03762, as StyleSwin, arXiv 2112.10762, lays it out).

Shape suffixes: code_HWC.
"""

import math

import torch

from stylenat.core.errors import InputError


def position_code(resolution: int, channels: int) -> torch.Tensor:
    """The code (H, W, C) of a square map: the first half of the channels encodes x, the second y.

    Each half is [sin(p f_i), cos(p f_i)] at 1-based positions p, f_i = exp(-i ln(10000) / (n - 1)), i < n = C / 4.
    """
    if channels % 4 or channels < 8:
        raise InputError(f"a position code of {channels} channels: expected a multiple of 4, at least 8")
    count = channels // 4
    frequency = torch.exp(torch.arange(count, device="cpu") * -(math.log(10000) / (count - 1)))
    angle = torch.arange(1, resolution + 1, device="cpu")[:, None] * frequency
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    along_x = axis[None, :, :].expand(resolution, -1, -1)
    along_y = axis[:, None, :].expand(-1, resolution, -1)
    return torch.cat([along_x, along_y], dim=2)
