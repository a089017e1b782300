"""The generator's forward pass in the order of operations of the official implementation, with plain attention.

Same weights, same numbers, nothing fused, folded or kept: every window's keys and values are gathered, tokens are
turned to channels first and back around the instance norm and the upsampling, the position code is made anew at every
call. What the project's generator is compared with. Shape suffixes as in `stylenat.nn.skeleton.generator`.
"""

import math

import torch
import torch.nn.functional as F

from stylenat.attention import FullAttention, reference


def forward(generator, z_BZ, attend=None):
    """Latents (B, Z) to images (B, 3, H, W); `attend` is a mixer's forward pass, StyleNAT's if it is not given."""
    attend = attend or attention_forward
    w_BW = generator.style(z_BZ)
    x_BTC, rgb = generator.input(len(z_BZ)), None
    for level, to_rgb in zip(generator.layers, generator.to_rgbs, strict=True):
        for block in level.blocks:
            x_BTC = block_forward(block, x_BTC, w_BW, attend)
        if level.upsample is not None:
            x_BTC = upsample_forward(level.upsample, x_BTC)
        rgb = rgb_forward(to_rgb, x_BTC, rgb)
    return rgb


def block_forward(block, x_BTC, w_BW, attend):
    """Attention and MLP, each with its own normalised input and residual sum."""
    x_BTC = x_BTC + attend(block.attn, adain(block.norm1, x_BTC, w_BW), block.side)
    hidden = F.gelu(linear(block.mlp.fc1, adain(block.norm2, x_BTC, w_BW)))
    return x_BTC + linear(block.mlp.fc2, hidden)


def linear(layer, x_C):
    """torch's own operator, whatever the layer takes."""
    return F.linear(x_C, layer.weight, layer.bias)


def adain(norm, x_BTC, w_BW):
    """Instance norm on channels first, then scale and shift."""
    gamma_B1C, beta_B1C = norm.style(w_BW).unsqueeze(1).chunk(2, dim=2)
    return gamma_B1C * F.instance_norm(x_BTC.transpose(1, 2)).transpose(1, 2) + beta_B1C


def attention_forward(attn, x_BTC, side):
    """Each partition by the definition; outputs put together in the order of the heads."""
    if isinstance(attn, FullAttention):
        return attn(x_BTC.unflatten(1, (side, side))).flatten(1, 2)
    qkv = linear(attn.qkv, x_BTC).unflatten(1, (side, side)).unflatten(-1, (3, attn.num_heads, -1))
    q, k, v = qkv.permute(3, 0, 4, 1, 2, 5)
    q = q * q.shape[-1] ** -0.5
    outputs, first = [], 0
    for (heads, kernel, dilation), bias in zip(attn.partitions, attn.rpb, strict=True):
        part = slice(first, first + heads)
        outputs.append(reference.attend(q[:, part], k[:, part], v[:, part], kernel, dilation, bias, 1.0))
        first += heads
    return linear(attn.proj, torch.cat(outputs, dim=1).permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2))


def upsample_forward(upsample, x_BTC):
    """Bilinear on channels first, normalised, projected, and the position code added."""
    side = upsample.side
    x_BCHW = x_BTC.transpose(1, 2).reshape(len(x_BTC), -1, side, side).contiguous()
    x_BCHW = F.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=False)
    x_BTC = linear(upsample.reduction, upsample.norm(x_BCHW.flatten(2).transpose(1, 2).contiguous()))
    x_BCHW = x_BTC.transpose(1, 2).reshape(len(x_BTC), -1, 2 * side, 2 * side).contiguous()
    x_BCHW = x_BCHW + upsample.alpha * position_code(2 * side, x_BCHW.shape[1])
    return x_BCHW.flatten(2).transpose(1, 2).contiguous()


def position_code(side, channels):
    """(1, C, H, W): sines and cosines of the 1-based place, x in the first half of the channels, y in the second."""
    count = channels // 4
    frequency = torch.exp(torch.arange(count) * -(math.log(10000) / (count - 1)))
    angle = frequency[:, None] * torch.arange(1, side + 1)
    axis = torch.cat([angle.sin(), angle.cos()])
    along_x = axis[:, None, :].expand(-1, side, -1)
    return torch.cat([along_x, along_x.transpose(1, 2)])[None]


def rgb_forward(to_rgb, x_BTC, skip):
    """A 1 x 1 convolution on channels first, on top of the enlarged image so far."""
    side = math.isqrt(x_BTC.shape[1])
    rgb = to_rgb.conv(x_BTC.transpose(1, 2).reshape(len(x_BTC), -1, side, side)) + to_rgb.bias
    if skip is None:
        return rgb
    return rgb + (skip if to_rgb.upsample is None else to_rgb.upsample(skip))
