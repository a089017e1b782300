"""The alias-free layers of a StyleGAN-XL (arXiv 2106.12423, configuration T; 2202.00273).

Names are those of the official checkpoints. Shape suffixes: w_BW and w_BLW styles (one a layer), x_BCHW features,
style_BI, weight_OIKK, freqs_BC2 in cycles an image width, grid_N2 places (N = H * W, row by row), image_BCHW.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from baselines.stylegan_xl.table import Layer, Point
from stylenat.nn.constants import register_constant
from stylenat.nn.equalized import EqualLinear
from stylenat.nn.filtered_lrelu import CLAMP, Resampling, filtered_lrelu, lowpass_taps

TAPS_PER_STEP = 6
KERNEL = 3
EPS = 1e-8
TINY = 1e-20  # keeps a style of zeros finite
OUTPUT_SCALE = 0.25


class FourierInput(nn.Module):
    """A map of random waves, moved and turned by four numbers of the style, and mixed."""

    def __init__(self, point: Point, w_dim: int) -> None:
        super().__init__()
        self.point = point
        self.weight = nn.Parameter(torch.randn(point.channels, point.channels))
        self.affine = EqualLinear(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        # Directions are uniform and lengths skewed towards the cutoff, where most of the area is.
        freqs = torch.randn(point.channels, 2)
        length = freqs.norm(dim=1, keepdim=True)
        self.register_buffer("freqs", freqs / (length * (length.square() / 4).exp()) * point.cutoff)
        self.register_buffer("phases", torch.rand(point.channels) - 0.5)
        register_constant(self, "grid_N2", partial(_grid, point.size, point.rate))

    def forward(self, w_BW: torch.Tensor) -> torch.Tensor:
        """(B, W) to (B, C, size, size), channels innermost in memory."""
        t_B4 = self.affine(w_BW)
        cos_B, sin_B, x_B, y_B = (t_B4 / t_B4[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        turn_B22 = torch.stack([cos_B, -sin_B, sin_B, cos_B], dim=1).unflatten(1, (2, 2))
        freqs_BC2 = self.freqs @ turn_B22
        phases_BC1 = self.phases[:, None] - freqs_BC2 @ torch.stack([x_B, y_B], dim=1)[:, :, None]
        # A turned wave keeps its frequency; what the rate can't hold fades out.
        fade = (self.freqs.norm(dim=1) - self.point.cutoff) / (self.point.rate / 2 - self.point.cutoff)
        waves_BNC = self.grid_N2 @ freqs_BC2.mT + phases_BC1.mT
        waves_BNC = (waves_BNC * (2 * math.pi)).sin() * (1 - fade).clamp(0, 1)
        x_BNC = waves_BNC @ (self.weight / math.sqrt(self.point.channels)).T
        size = self.point.size
        return x_BNC.unflatten(1, (size, size)).permute(0, 3, 1, 2)


def _grid(size: int, rate: int) -> torch.Tensor:
    """Centres of pixels (x, y), the image's own reaching from -0.5 to 0.5."""
    axis = (torch.arange(size, dtype=torch.float64, device="cpu") + 0.5 - size / 2) / rate
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=2).flatten(0, 1).float()


class SynthesisLayer(nn.Module):
    """A modulated convolution and the filtered leaky ReLU; `magnitude_ema` stays 1 in released training."""

    def __init__(self, layer: Layer, w_dim: int) -> None:
        super().__init__()
        source, target, rate = layer.source, layer.target, layer.internal_rate
        self.affine = EqualLinear(w_dim, source.channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(target.channels, source.channels, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.zeros(target.channels))
        self.register_buffer("magnitude_ema", torch.ones(()))
        up, down = rate // source.rate, rate // target.rate
        for name, factor, point in (("up_filter", up, source), ("down_filter", down, target)):
            design = partial(lowpass_taps, TAPS_PER_STEP * factor, point.cutoff, 2 * point.half_width, rate)
            register_constant(self, name, design)
        padded = source.size + KERNEL - 1
        whole = Resampling.centred(up, down, TAPS_PER_STEP * up, TAPS_PER_STEP * down, padded, target.size)
        self.side, self.used = whole.cropped(), whole.used

    def forward(self, x_BCHW: torch.Tensor, w_BW: torch.Tensor) -> torch.Tensor:
        """Features and one style to features."""
        style_BI, scale_BO = self.modulation(w_BW)
        x_BCHW = self._convolve(x_BCHW * style_BI[:, :, None, None])
        return filtered_lrelu(x_BCHW, scale_BO, self.bias, self.up_filter, self.down_filter, self.side)

    def modulation(self, w_BW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors of the inputs and of the outputs that make of one set of weights the modulated ones of each sample.

        The original scales the style by its root mean square over the whole batch. Demodulation divides any factor of
        a sample's style out again, so it is each sample's own here: what a batch's other samples change is EPS.
        """
        style_BI = self.affine(w_BW)
        style_BI = style_BI * torch.rsqrt(style_BI.square().mean(dim=1, keepdim=True) + TINY)
        square_OI = self.weight.square().sum(dim=(2, 3))
        fan_in = self.weight[0].numel()
        # Of weights scaled to a mean square of 1, for which EPS is meant; multiplied out, not to divide twice.
        power_BO = style_BI.square() @ square_OI.T + EPS * square_OI.sum(dim=1) / fan_in
        # A factor on each side keeps the product between them near 1, as 16-bit numbers need it.
        scale_BO = torch.rsqrt(power_BO / fan_in) * torch.rsqrt(self.magnitude_ema)
        return style_BI / math.sqrt(fan_in), scale_BO

    def _convolve(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """The part of the convolution padded by 2 that the filters reach."""
        begin, end = self.used
        size = x_BCHW.shape[2]
        if (begin, end) == (0, size + KERNEL - 1):
            return F.conv2d(x_BCHW, self.weight, padding=KERNEL - 1)
        first, last = begin - (KERNEL - 1), end  # of the input; beyond it there are zeros
        before, after = max(-first, 0), max(last - size, 0)
        x_BCHW = x_BCHW[:, :, max(first, 0) : last, max(first, 0) : last]
        if before == after:
            return F.conv2d(x_BCHW, self.weight, padding=before)
        return F.conv2d(F.pad(x_BCHW, (before, after, before, after)), self.weight)


class RGBLayer(nn.Module):
    """A modulated 1 x 1 convolution to an image, without demodulation and filters."""

    def __init__(self, layer: Layer, w_dim: int) -> None:
        super().__init__()
        channels, colours = layer.source.channels, layer.target.channels
        self.affine = EqualLinear(w_dim, channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(colours, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(colours))
        self.register_buffer("magnitude_ema", torch.ones(()))

    def forward(self, x_BCHW: torch.Tensor, w_BW: torch.Tensor) -> torch.Tensor:
        """Features (B, C, H, W) and one style to an image (B, 3, H, W)."""
        gain = torch.rsqrt(self.magnitude_ema * x_BCHW.shape[1])
        weight_BOI = self.weight.flatten(1) * (self.affine(w_BW) * gain)[:, None, :]
        rgb_BOHW = torch.bmm(weight_BOI, x_BCHW.flatten(2)).unflatten(2, x_BCHW.shape[2:])
        return (rgb_BOHW + self.bias[:, None, None]).clamp(-CLAMP, CLAMP)


class Synthesis(nn.Module):
    """Styles to images: the input and the layers, each with a style of its own."""

    def __init__(self, layers: list[Layer], w_dim: int) -> None:
        super().__init__()
        self.layer_names = [layer.name for layer in layers]
        self.num_ws = len(layers) + 1
        self.input = FourierInput(layers[0].source, w_dim)
        for layer in layers:
            self.add_module(layer.name, (RGBLayer if layer.rgb else SynthesisLayer)(layer, w_dim))

    def forward(self, w_BLW: torch.Tensor) -> torch.Tensor:
        """(B, num_ws, W) to images (B, 3, H, W)."""
        first_BW, *others = w_BLW.unbind(1)
        x_BCHW = self.input(first_BW)
        for name, w_BW in zip(self.layer_names, others, strict=True):
            x_BCHW = self.get_submodule(name)(x_BCHW, w_BW)
        return x_BCHW * OUTPUT_SCALE
