"""Layers at an equalised learning rate, and the scaled leaky ReLU that goes with them (arXiv 1710.10196; 1912.04958).

Shape suffixes: x_BC rows of features, x_BX features with channels on axis 1.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

NEGATIVE_SLOPE = 0.2
GAIN = math.sqrt(2)


def scaled_leaky_relu(x: torch.Tensor) -> torch.Tensor:
    """Leaky ReLU of slope 0.2, times sqrt(2) to keep the second moment."""
    return F.leaky_relu(x, NEGATIVE_SLOPE) * GAIN


class EqualLinear(nn.Module):
    """A linear layer whose weight is scaled by lr_mul / sqrt(fan_in) when it is used, not when it is drawn."""

    def __init__(
        self, in_dim: int, out_dim: int, lr_mul: float = 1.0, activate: bool = False, bias_init: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_dim,), float(bias_init)))
        self.weight_gain = lr_mul / math.sqrt(in_dim)
        self.bias_gain, self.activate = lr_mul, activate

    def forward(self, x_BC: torch.Tensor) -> torch.Tensor:
        """(B, in_dim) to (B, out_dim); the bias comes before the activation."""
        # The gain on the rows, which are few, not on the weight.
        out_BC = F.linear(x_BC * self.weight_gain, self.weight, self.bias * self.bias_gain)
        return scaled_leaky_relu(out_BC) if self.activate else out_BC


class BiasedLeakyReLU(nn.Module):
    """A learned bias per channel, then the scaled leaky ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BX: torch.Tensor) -> torch.Tensor:
        """Features (B, C, ...) to the same shape."""
        return scaled_leaky_relu(x_BX + self.bias.view(1, -1, *[1] * (x_BX.ndim - 2)))
