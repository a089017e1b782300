"""StyleGAN2's generator in the order of operations of the official implementation without its CUDA extensions.

Same weights, same numbers: weights are modulated and demodulated for each image and the batch is one grouped
convolution; filters run behind explicit insertion of zeros and padding; noise, bias, activation, gain and bound are
steps of their own. What the project's generator is compared with. Shape suffixes as in
`baselines.stylegan2.generator`.
"""

import math

import torch
import torch.nn.functional as F


def upfirdn(x_BCHW, kernel_KK, up, padding, gain):
    """Zeros inserted, padded, filtered by a convolution per channel."""
    batch, channels, height, width = x_BCHW.shape
    x = x_BCHW.reshape(batch, channels, height, 1, width, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(batch, channels, height * up, width * up)
    x = F.pad(x, [padding[0], padding[1], padding[0], padding[1]])
    kernel = (kernel_KK * gain).flip([0, 1])[None, None].repeat(channels, 1, 1, 1)
    return F.conv2d(x, kernel, groups=channels)


def modulated(x_BCHW, weight_OCKK, style_BC, up, demodulate, kernel_KK):
    """One group of channels an image, each with weights of its own."""
    batch, channels, height, width = x_BCHW.shape
    out_channels, _, side, _ = weight_OCKK.shape
    weight = weight_OCKK[None] * style_BC.reshape(batch, 1, -1, 1, 1)
    if demodulate:
        weight = weight * (weight.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    x = x_BCHW.reshape(1, batch * channels, height, width)
    if up:
        weight = weight.transpose(1, 2).reshape(batch * channels, out_channels, side, side)
        x = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        x = upfirdn(x, kernel_KK, 1, (1, 1), 4)
    else:
        x = F.conv2d(x, weight.reshape(-1, channels, side, side), padding=side // 2, groups=batch)
    return x.reshape(batch, out_channels, *x.shape[2:])


class OfficialOrder:
    """Latents (B, Z) to images (B, 3, H, W) with the parameters of one of our generators."""

    def __init__(self, generator):
        self.generator = generator
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.kernel_KK = torch.outer(taps, taps)

    def __call__(self, z_BZ):
        generator = self.generator
        ws = generator.mapping(z_BZ)[:, None].repeat(1, generator.num_ws, 1)
        x, rgb, at = None, None, 0
        for side in generator.synthesis.sides:
            block = generator.synthesis.get_submodule(f"b{side}")
            if block.first:
                x = block.const[None].repeat(len(z_BZ), 1, 1, 1)
            else:
                x, at = self.layer(block.conv0, x, ws[:, at], up=True), at + 1
                rgb = upfirdn(rgb, self.kernel_KK, 2, (2, 1), 4)
            x, at = self.layer(block.conv1, x, ws[:, at], up=False), at + 1
            added = self.rgb(block.torgb, x, ws[:, at])
            rgb = added if rgb is None else rgb + added
        return rgb

    def layer(self, layer, x, w_BW, up):
        x = modulated(x, layer.weight, layer.affine(w_BW), up, True, self.kernel_KK)
        x = x + layer.noise_const * layer.noise_strength
        x = x + layer.bias[:, None, None]
        x = F.leaky_relu(x, 0.2) * math.sqrt(2)
        return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)

    def rgb(self, torgb, x, w_BW):
        style_BC = torgb.affine(w_BW) / math.sqrt(x.shape[1])
        x = modulated(x, torgb.weight, style_BC, False, False, None) + torgb.bias[:, None, None]
        return x if torgb.clamp is None else x.clamp(-torgb.clamp, torgb.clamp)


def forward(generator, z_BZ):
    """Latents (B, Z) to images (B, 3, H, W)."""
    return OfficialOrder(generator)(z_BZ)
