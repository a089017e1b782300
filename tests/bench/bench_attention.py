"""Tiled attention against the plain definition, level by level of FFHQ-256: both sides in turn, in one process.

Run as a script: prints median milliseconds of each side and their ratio, with the spread of the ratio over rounds.
"""

import argparse
import statistics
import time

import torch

from stylenat.attention import neighborhood_attention
from stylenat.core.catalog import Catalog
from stylenat.core.device import describe
from stylenat.core.registry import ROOT
from stylenat.network.config import parse_arch, resolution_of

SIDES = ("reference", "tiled")


def inputs(arch, level):
    """Queries, keys and values of a level at batch 1, as views of one projection, and the bias of each partition."""
    side, heads = resolution_of(level), arch.heads(level)
    channels = arch.channels(side) // heads
    qkv = torch.randn(1, side, side, 3, heads, channels, requires_grad=True)
    kernels, dilations = arch.kernels(level), arch.dilations[level]
    share = heads // len(dilations)
    biases = [torch.randn(share, 2 * k - 1, 2 * k - 1, requires_grad=True) for k in kernels]
    return qkv, biases, kernels, dilations


def run(backend, qkv, biases, kernels, dilations, backward):
    """One level's attention by one side, in seconds."""
    start = time.perf_counter()
    with torch.set_grad_enabled(backward):
        parts, first = qkv.permute(3, 0, 4, 1, 2, 5), 0
        for bias, kernel, dilation in zip(biases, kernels, dilations, strict=True):
            q, k, v = parts[:, :, first : first + len(bias)]
            sizes = {"kernel_size": kernel, "dilation": dilation, "bias": bias, "backend": backend}
            out = neighborhood_attention(q, k, v, **sizes)
            if backward:
                out.sum().backward(retain_graph=True)
            first += len(bias)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-px", type=int, default=64, help="largest level; the definition needs GBs above 64")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    arch = parse_arch(Catalog(ROOT / "config").model("stylenat-ffhq-256").arch)
    device = describe(torch.device("cpu"))
    print(f"# {device['name']}, {device['torch_threads']} threads, torch {torch.__version__}, batch 1, float32")
    print(f"{'px':>4} {'pass':<8} {'reference ms':>13} {'tiled ms':>9} {'ratio':>6}  spread over rounds")
    for level in range(2, arch.levels):
        if resolution_of(level) > args.max_px:
            break
        given = inputs(arch, level)
        for backward in (False, True):
            for side in SIDES:
                run(side, *given, backward)
            rounds = [[run(side, *given, backward) for side in SIDES] for _ in range(args.rounds)]
            reference, tiled = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratios = sorted(a / b for a, b in rounds)
            name = "fwd+bwd" if backward else "fwd"
            spread = f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
            print(f"{resolution_of(level):>4} {name:<8} {reference * 1e3:>13.1f} {tiled * 1e3:>9.1f}"
                  f" {reference / tiled:>6.1f}  {spread}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
