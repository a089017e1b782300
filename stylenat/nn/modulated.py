"""Convolutions modulated by a style (arXiv 1912.04958, section 2.2 and appendix B).

The style scales the input's channels and the demodulation those of the output, which is the same as scaling weights for
each image but leaves one convolution for the whole batch. Shape suffixes: x_BCHW features, weight_OCKK, style_BC,
scale_BO factors of output channels.
"""

import torch
import torch.nn.functional as F

from stylenat.nn.equalized import GAIN, NEGATIVE_SLOPE

DEMODULATION_EPS = 1e-8


def modulated_conv(
    x_BCHW: torch.Tensor, weight_OCKK: torch.Tensor, style_BC: torch.Tensor, fir_11KK: torch.Tensor | None = None
) -> torch.Tensor:
    """(B, C, H, W) to (B, O, H, W), not demodulated; with a filter (4 x 4, of sum 4) to (B, O, 2H, 2W).

    Without gradients x is written over: in large maps new memory costs more than the product.
    """
    style_BC11 = style_BC[:, :, None, None]
    x_BCHW = x_BCHW * style_BC11 if torch.is_grad_enabled() else x_BCHW.mul_(style_BC11)
    if fir_11KK is None:
        return F.conv2d(x_BCHW, weight_OCKK, padding=weight_OCKK.shape[-1] // 2)
    # Copied here the transposed weight takes a third of the time that it takes inside.
    y_BOHW = F.conv_transpose2d(x_BCHW, weight_OCKK.transpose(0, 1).contiguous(), stride=2)
    channels = len(weight_OCKK)
    return F.conv2d(y_BOHW, fir_11KK.to(y_BOHW.dtype).expand(channels, -1, -1, -1), padding=1, groups=channels)


def demodulation(weight_OCKK: torch.Tensor, style_BC: torch.Tensor) -> torch.Tensor:
    """Factors (B, O) that give the output unit variance, were the input's channels independent and of unit variance."""
    energy_OC = weight_OCKK.square().sum(dim=(2, 3))
    return torch.rsqrt(F.linear(style_BC.square(), energy_OC) + DEMODULATION_EPS)


def scale_and_activate(
    x_BOHW: torch.Tensor,
    scale_BO: torch.Tensor,
    bias_O: torch.Tensor,
    noise: torch.Tensor | None = None,
    clamp: float | None = None,
) -> torch.Tensor:
    """Scaled leaky ReLU of x * scale + noise + bias, cut to +-clamp; without gradients x is written over.

    noise broadcasts to x.
    """
    reuse = not torch.is_grad_enabled()
    # The activation is homogeneous, so that its gain goes into numbers that are few.
    shift_O11 = bias_O[:, None, None] * GAIN
    scale_BO11 = scale_BO[:, :, None, None] * GAIN
    x_BOHW = torch.addcmul(shift_O11, x_BOHW, scale_BO11, out=x_BOHW if reuse else None)
    if noise is not None:
        x_BOHW = x_BOHW.add_(noise * GAIN)
    x_BOHW = F.leaky_relu_(x_BOHW, NEGATIVE_SLOPE)
    if clamp is None:
        return x_BOHW
    return x_BOHW.clamp_(-clamp, clamp) if reuse else x_BOHW.clamp(-clamp, clamp)
