"""The attention of one level of a StyleNAT, as inputs and a pass, for the benchmarks."""

import torch

from stylenat.attention import Partition, hydra_attention
from stylenat.nn.skeleton.config import resolution_of


def inputs(arch, level, batch=1, device="cpu", dtype=torch.float32):
    """The packed projection of a level, its partitions and their biases, and a gradient of the result."""
    side, heads = resolution_of(level), arch.heads(level)
    channels = arch.channels(side) // heads
    rng = torch.Generator(device).manual_seed(level)
    kernels, dilations = arch.kernels(level), arch.dilations[level]
    partitions = [Partition(heads // len(dilations), *sizes) for sizes in zip(kernels, dilations, strict=True)]
    like = {"generator": rng, "device": device}
    qkv = torch.randn(batch, side, side, 3, heads, channels, dtype=dtype, **like)
    biases = [torch.randn(n, 2 * k - 1, 2 * k - 1, **like) for n, k, _ in partitions]
    return qkv, partitions, biases, torch.randn(batch, side, side, heads, channels, dtype=dtype, **like)


def run(backend, backward, qkv, partitions, biases, grad):
    """One pass of one side."""
    leaves = [x.detach().requires_grad_(backward) for x in (qkv, *biases)]
    with torch.set_grad_enabled(backward):
        out = hydra_attention(leaves[0], partitions, leaves[1:], backend=backend)
        return torch.autograd.grad(out, leaves, grad) if backward else out
