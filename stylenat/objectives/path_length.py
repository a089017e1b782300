"""Path length regularisation (arXiv 1912.04958, section 3.2): a step in style space should move every image as far.

Shape suffixes: image_BCHW, w_BLW one style a layer, length_B.
"""

import math

import torch
from torch import nn


def path_lengths(image_BCHW: torch.Tensor, w_BLW: torch.Tensor, noise_BCHW: torch.Tensor) -> torch.Tensor:
    """Length (B,) of the styles' gradient of sum(image * noise), the root mean square over the layers; differentiable.

    The noise is standard normal over the root of the pixel count.
    """
    (gradient_BLW,) = torch.autograd.grad((image_BCHW * noise_BCHW).sum(), w_BLW, create_graph=True)
    return gradient_BLW.square().sum(dim=2).mean(dim=1).sqrt()


class PathLength(nn.Module):
    """The penalty on lengths that differ from their running mean, a buffer."""

    def __init__(self, decay: float = 0.01) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, image_BCHW: torch.Tensor, w_BLW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean squared difference, and the lengths (B,); moves the mean. Noise is of torch's global generator.

        The images must depend on w_BLW, and that must require a gradient.
        """
        noise_BCHW = torch.randn_like(image_BCHW) / math.sqrt(image_BCHW.shape[2] * image_BCHW.shape[3])
        length_B = path_lengths(image_BCHW, w_BLW, noise_BCHW)
        # The penalty's gradient goes through the mean as well, which holds these lengths already.
        mean = self.mean.to(length_B.dtype).lerp(length_B.mean(), self.decay)
        with torch.no_grad():
            self.mean.copy_(mean)
        return (length_B - mean).square().mean(), length_B
