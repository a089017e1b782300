"""Sinusoidal 2-D position code (arXiv 1706.03762, as StyleSwin, arXiv 2112.10762, lays it out).

Shape suffixes: code_PC along one axis (P positions).
"""

import math

import torch

from stylenat.core.errors import InputError


def position_axes(resolution: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The code of a square map as two summands, along x (1, W, C) and along y (H, 1, C).

    The first half of the channels encodes x, the second y; each summand is 0 in the other's half. Each half is
    [sin(p f_i), cos(p f_i)] at 1-based positions p, f_i = exp(-i ln(10000) / (n - 1)), i < n = C / 4.

    Raises:
        InputError: the channels are no multiple of 4, or fewer than 8.
    """
    if channels % 4 or channels < 8:
        raise InputError(f"a position code of {channels} channels: expected a multiple of 4, at least 8")
    count = channels // 4
    frequency = torch.exp(torch.arange(count, device="cpu") * -(math.log(10000) / (count - 1)))
    angle = torch.arange(1, resolution + 1, device="cpu")[:, None] * frequency
    code_PC = torch.cat([angle.sin(), angle.cos()], dim=1)
    other_PC = torch.zeros_like(code_PC)
    return torch.cat([code_PC, other_PC], dim=1)[None], torch.cat([other_PC, code_PC], dim=1)[:, None]
