"""Compile the Triton kernels for a GPU that isn't there, exactly as the launchers would start them.

    python -m support.triton_compile CAPABILITY HEIGHT HEADS CHANNELS KERNEL DILATION DTYPE

prints a list of {name, registers, stack, shared, products} as JSON; `stack` holds spilled registers, in bytes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from stylenat.attention import fused
from stylenat.nn import fused_norm

CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
COMPILED = []


class Device:
    """A driver of no device, for the compiler alone."""

    def __init__(self, capability):
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self):
        return self.target

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


def record(run):
    """Compile where a kernel would be started, and note what came of it."""

    def compile_only(self, *arguments, grid, warmup, **options):
        kernel = run(self, *arguments, grid=grid, warmup=True, **options)
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(kernel.asm["cubin"])
            file.flush()
            usage = subprocess.run([CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True)
        registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", usage.stdout).groups()
        products = [kind for kind in ("wgmma", "mma.sync") if kind in kernel.asm["ptx"]]
        COMPILED.append(
            {
                "name": self.__name__,
                "registers": int(registers),
                "stack": int(stack),
                "shared": kernel.metadata.shared,
                "products": products,
            }
        )

    return compile_only


def attention(height, heads, channels, kernel, dilation, dtype):
    """All kernels of a call over half of the heads of a packed projection, batch 16; no memory is touched."""
    part, batch, side = max(heads // 2, 1), 16, 2 * kernel - 1

    def packed(count):
        x = torch.empty(1, height, height, count, heads, channels, dtype=dtype)
        return x.permute(3, 0, 4, 1, 2, 5)[:, :, :part].expand(count, batch, part, height, height, channels)

    (q, k, v), (out,) = packed(3), packed(1)
    lse = torch.empty(1, heads, height, height)[:, :part].expand(batch, part, height, height)
    call = fused._Call(q, k, v, torch.zeros(part, side, side), kernel, dilation, channels**-0.5)
    call.per_tile("forward", out, None)
    call.per_tile("forward", out, lse)
    call.per_tile("backward_queries", out, lse, out, lse, q)
    call.per_tile("backward_keys", lse, out, lse, k, v)
    call.bias_gradient(lse, out, lse)


def norms(height, channels, dtype):
    """The kernels around instance norms."""
    x, scale = torch.empty(2, height * height, channels, dtype=dtype), torch.empty(2, 1, channels)
    fused_norm.add_with_moments(x, x)
    fused_norm.add_with_moments(x)
    fused_norm.modulate(x, scale, scale)


if __name__ == "__main__":
    capability, *sizes = map(int, sys.argv[1:-1])
    dtype = getattr(torch, sys.argv[-1])
    driver.set_active(Device(capability))
    JITFunction.run = record(JITFunction.run)
    attention(*sizes, dtype)
    norms(sizes[0], sizes[1] * sizes[2], dtype)
    print(json.dumps(COMPILED))
