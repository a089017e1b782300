"""The wavelet discriminator that StyleNAT and StyleSwin share (arXiv 2112.10762, after SWAGAN, arXiv 2102.06108).

Module names are those of the official checkpoints, the old-style spectral norm's weight_orig, weight_u and weight_v
among them. Shape suffixes: x_BCHW features, band_BDHW Haar bands (12 channels), logit_B1.
"""

from itertools import pairwise

import torch
from torch import nn

from stylenat.nn.equalized import BiasedLeakyReLU
from stylenat.nn.norms import append_minibatch_stddev
from stylenat.nn.resample import BlurFIR, DownsampleFIR
from stylenat.nn.skeleton.config import BASE_PX, SkeletonArch
from stylenat.nn.wavelet import haar, inverse_haar

BANDS = 12  # three colours in four bands


def spectral(module: nn.Module) -> nn.Module:
    """A layer under spectral normalisation, one power iteration a training call (arXiv 1802.05957)."""
    return nn.utils.spectral_norm(module)  # the newer parametrization names and stores its vectors differently


class FromRGB(nn.Module):
    """Haar bands to features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(spectral(nn.Conv2d(BANDS, channels, 1, bias=False)), BiasedLeakyReLU(channels))

    def forward(self, band_BDHW: torch.Tensor) -> torch.Tensor:
        """(B, 12, H, W) to (B, C, H, W)."""
        return self.conv(band_BDHW)


class ConvBlock(nn.Module):
    """Two convolutions, the second one blurred and strided; no residual path."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        first = spectral(nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False))
        second = spectral(nn.Conv2d(in_channels, out_channels, 3, stride=2, bias=False))
        self.conv1 = nn.Sequential(first, BiasedLeakyReLU(in_channels))
        self.conv2 = nn.Sequential(BlurFIR(), second, BiasedLeakyReLU(out_channels))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        return self.conv2(self.conv1(x_BCHW))


class WaveletDiscriminator(nn.Module):
    """Images in the generator's range to logits; the batch must be a multiple of min(batch, 4)."""

    def __init__(self, config: SkeletonArch) -> None:
        super().__init__()
        # The official widths: the first stage, at half the resolution, has the width of the full one, and stage i
        # gives the width of a quarter of its own name.
        sides = [config.resolution // 2**step for step in range(1, config.levels)]
        widths = [
            config.discriminator_channels(config.resolution),
            *(config.discriminator_channels(side // 2) for side in sides[:-1]),
        ]
        self.from_rgbs = nn.ModuleList(FromRGB(width) for width in widths)
        self.convs = nn.ModuleList(ConvBlock(a, b) for a, b in pairwise(widths))
        self.downsample = DownsampleFIR()
        last, features = widths[-1], config.discriminator_channels(BASE_PX)
        final_conv = spectral(nn.Conv2d(last + 1, features, 3, padding=1, bias=False))
        self.final_conv = nn.Sequential(final_conv, BiasedLeakyReLU(features))
        hidden = spectral(nn.Linear(features * BASE_PX**2, features))
        self.final_linear = nn.Sequential(hidden, BiasedLeakyReLU(features), spectral(nn.Linear(features, 1)))

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W) to logits (B, 1)."""
        band_BDHW = haar(image_BCHW)
        x_BCHW = self.from_rgbs[0](band_BDHW)
        for conv, from_rgb in zip(self.convs, self.from_rgbs[1:], strict=True):
            band_BDHW = haar(self.downsample(inverse_haar(band_BDHW)))
            x_BCHW = conv(x_BCHW) + from_rgb(band_BDHW)
        x_BCHW = self.final_conv(append_minibatch_stddev(x_BCHW))
        return self.final_linear(x_BCHW.flatten(1))
