"""The mapping network of the StyleGAN line (arXiv 1912.04958; 2202.00273).

Shape suffixes: z_BZ latents, w_BW styles, w_BLW one style a layer.
"""

import torch
from torch import nn

from stylenat.nn.equalized import EqualLinear
from stylenat.nn.norms import PixelNorm


class Mapping(nn.Module):
    """Latents to styles: normalised, through connected layers fc0, fc1, ...; the styles' running mean is w_avg."""

    def __init__(self, z_dim: int, w_dim: int, layers: int, w_avg_beta: float, lr_mul: float = 0.01) -> None:
        super().__init__()
        self.layers, self.w_avg_beta = layers, w_avg_beta
        self.normalize = PixelNorm()
        for index in range(layers):
            self.add_module(f"fc{index}", EqualLinear(w_dim if index else z_dim, w_dim, lr_mul, activate=True))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z_BZ: torch.Tensor) -> torch.Tensor:
        """(B, Z) of any precision to (B, W) of the network's."""
        x_BW = self.normalize(z_BZ.to(self.w_avg.dtype))
        for index in range(self.layers):
            x_BW = self.get_submodule(f"fc{index}")(x_BW)
        return x_BW

    @torch.no_grad()
    def track(self, w_BW: torch.Tensor) -> None:
        """Move the running mean towards these styles' mean; for training."""
        self.w_avg.lerp_(w_BW.detach().mean(dim=0).to(self.w_avg.dtype), 1 - self.w_avg_beta)

    def truncate(self, w_BW: torch.Tensor, psi: float) -> torch.Tensor:
        """Styles drawn towards their mean; psi 1 leaves them."""
        return w_BW if psi == 1 else self.w_avg.lerp(w_BW, psi)
