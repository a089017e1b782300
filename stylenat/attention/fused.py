"""Neighborhood attention by Triton kernels: a program a tile, and nothing in memory but q, k, v and the result.

For CUDA; under TRITON_INTERPRET=1 also on a CPU, slowly, to test. Importable where Triton is missing.

Shape suffixes: q_BNHWC maps (B batch, N heads, H x W map, C head dimension) of any strides, bias_NRR (R = 2K - 1),
lse_BNHW float32; sum_NS slots of a bias gradient, each a pair of a tile's query and key.
"""

import importlib.util
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from math import gcd, prod
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylenat.attention.triton_cuts import Cut, bias_slots, blocks, cut_map
from stylenat.core.errors import InputError

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
MAX_CHANNELS = 256  # what shared memory and registers hold
MIN_CAPABILITY = (8, 0)
# Programs that fill any GPU of today some times over; of the bias gradient each adds a partial sum in memory.
PROGRAMS = 4096
BIAS_PROGRAMS = 1024


def unavailable(device: torch.device) -> str | None:
    """Why this backend can't run on a device, as a clause; None if it can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if _interpreted() and device.type in ("cpu", "cuda"):
        return None
    if device.type != "cuda" or torch.version.hip or not torch.cuda.is_available():
        return "triton needs a CUDA device, or TRITON_INTERPRET=1 on a CPU"
    capability = torch.cuda.get_device_capability(device)
    if capability < MIN_CAPABILITY:
        found, least = (".".join(map(str, x)) for x in (capability, MIN_CAPABILITY))
        return f"triton needs compute capability {least}, the device has {found}"
    return None


def forward(
    q_BNHWC: Tensor,
    k_BNHWC: Tensor,
    v_BNHWC: Tensor,
    bias_NRR: Tensor | None,
    kernel_size: int,
    dilation: int,
    scale: float,
    out_BNHWC: Tensor,
    lse_BNHW: Tensor | None,
) -> None:
    """Write the attended map and, if a backward pass is to follow, its log-sum-exp; sizes have been checked.

    Raises:
        InputError: the maps' dtype is none of DTYPES, or their heads are wider than MAX_CHANNELS.
    """
    call = _Call(q_BNHWC, k_BNHWC, v_BNHWC, bias_NRR, kernel_size, dilation, scale)
    out = _channels_innermost(out_BNHWC)
    call.per_tile("forward", out, lse_BNHW)
    _copy_back([(out_BNHWC, out)])


def backward(
    grad_out_BNHWC: Tensor,
    q_BNHWC: Tensor,
    k_BNHWC: Tensor,
    v_BNHWC: Tensor,
    bias_NRR: Tensor | None,
    out_BNHWC: Tensor,
    lse_BNHW: Tensor,
    kernel_size: int,
    dilation: int,
    scale: float,
    grad_q_BNHWC: Tensor,
    grad_k_BNHWC: Tensor,
    grad_v_BNHWC: Tensor,
    grad_bias_NRR: Tensor | None,
) -> None:
    """Overwrite the gradients, given the output and log-sum-exp of `forward`.

    Raises:
        InputError: the maps' dtype is none of DTYPES, or their heads are wider than MAX_CHANNELS.
    """
    call = _Call(q_BNHWC, k_BNHWC, v_BNHWC, bias_NRR, kernel_size, dilation, scale)
    targets = (grad_q_BNHWC, grad_k_BNHWC, grad_v_BNHWC)
    grad_q, grad_k, grad_v = written = [_channels_innermost(x) for x in targets]
    grad_out, out = _channels_innermost(grad_out_BNHWC), _channels_innermost(out_BNHWC)
    delta_BNHW = torch.empty(q_BNHWC.shape[:-1], dtype=torch.float32, device=q_BNHWC.device)
    # The first kernel also writes delta, which the others read.
    call.per_tile("backward_queries", out, lse_BNHW, grad_out, delta_BNHW, grad_q)
    call.per_tile("backward_keys", lse_BNHW, grad_out, delta_BNHW, grad_k, grad_v)
    _copy_back(zip(targets, written, strict=True))
    if grad_bias_NRR is not None:
        grad_bias_NRR.copy_(call.bias_gradient(lse_BNHW, grad_out, delta_BNHW).view(grad_bias_NRR.shape))


class _Call:
    """What the kernels of a call share, and how they are started."""

    def __init__(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, kernel_size: int, dilation: int, scale: float
    ) -> None:
        if q.dtype not in DTYPES:
            expected = ", ".join(str(x) for x in DTYPES)
            raise InputError(f"attention backend 'triton' got {q.dtype}, expected one of {expected}")
        if q.shape[-1] > MAX_CHANNELS:
            found = f"a head dimension of {q.shape[-1]}"
            raise InputError(f"attention backend 'triton' got {found}, expected at most {MAX_CHANNELS}")
        self.maps = [_channels_innermost(x) for x in (q, k, v)]
        self.bias = None if bias is None else bias.contiguous()
        self.kernel_size, self.dilation, self.scale = kernel_size, dilation, float(scale)
        self.batch, self.heads, *self.sides, self.channels = q.shape
        tf32 = q.dtype == torch.float32 and q.is_cuda and torch.backends.cuda.matmul.allow_tf32
        self.precision = "tf32" if tf32 else "ieee"
        self.tensor_cores = tf32 or q.dtype != torch.float32

    def per_tile(self, name: str, *others: Tensor | None) -> None:
        """Run a kernel, one program a tile; `others` are its maps behind q, k, v and the bias."""
        cut = self._cut(name)
        tiles = self.heads * self._tiles(cut)
        # What a single block adds to the scores serves many images, but the device is to be filled first.
        images = max(1, min(self.batch, self.batch * tiles // PROGRAMS)) if cut.single else 1
        self._run(name, cut, tiles * -(-self.batch // images), others, images, SINGLE=cut.single)

    def bias_gradient(self, *others: Tensor) -> Tensor:
        """The gradient of the bias (N, R * R), float32; `others` are log-sum-exp, gradient of the output and delta."""
        cut = self._cut("backward_bias")
        count, columns = prod(blocks(cut)), blocks(cut)[1]
        splits = max(1, min(self._tiles(cut), BIAS_PROGRAMS // (self.heads * count)))
        slots = count * prod(cut.tile) * prod(cut.block)
        partial = torch.empty(splits, self.heads, slots, dtype=torch.float32, device=self.maps[0].device)
        programs = splits * self.heads * count
        self._run("backward_bias", cut, programs, others, partial, splits, *cut.reach, count, columns)
        sum_NS = F.pad(partial.sum(dim=0), (0, 1))
        return sum_NS[:, bias_slots(cut, self.kernel_size, partial.device)].sum(dim=-1)

    def _cut(self, name: str) -> Cut:
        y, x = (-(-side // self.dilation) for side in self.sides)
        itemsize = self.maps[0].element_size()
        return cut_map(name, (y, x), self.kernel_size, _padded(self.channels), itemsize, self.tensor_cores)

    def _tiles(self, cut: Cut) -> int:
        """Tiles of one head's map."""
        return self.dilation**2 * prod(self._tiles_of_class(cut))

    def _tiles_of_class(self, cut: Cut) -> list[int]:
        return [-(-side // (self.dilation * tile)) for side, tile in zip(self.sides, cut.tile, strict=True)]

    def _run(
        self, name: str, cut: Cut, programs: int, others: Sequence[Tensor | None], *more: Any, **constants: Any
    ) -> None:
        kernels, device = _kernels(), self.maps[0].device
        q, k, v, *rest = (None if x is None else kernels.Map(x, *x.stride()[:4]) for x in (*self.maps, *others))
        strides = [stride for x in (*self.maps, *others) if x is not None and x.ndim == 5 for stride in x.stride()[:4]]
        # The kernel that walks over queries reads the bias by query - key.
        bias = self.bias.flip(1, 2) if name == "backward_keys" and self.bias is not None else self.bias
        size = kernels.Size(self.batch, self.heads, *self.sides, self.dilation, *self._tiles_of_class(cut))
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            getattr(kernels, name)[(programs,)](
                *(q, k, v, bias, *rest, size, self.scale, *more),
                KERNEL=self.kernel_size,
                C=self.channels,
                C_PAD=_padded(self.channels),
                TILE_Y=cut.tile[0],
                TILE_X=cut.tile[1],
                BLOCK_Y=cut.block[0],
                BLOCK_X=cut.block[1],
                ALIGN=gcd(16, *strides),
                PRECISION=self.precision,
                num_warps=cut.warps,
                num_stages=cut.stages,
                **constants,
            )


def _kernels() -> ModuleType:
    """The kernels; imported late, since Triton may be missing and reads TRITON_INTERPRET when it is imported."""
    from stylenat.attention import triton_kernels

    return triton_kernels


def _interpreted() -> bool:
    from triton.runtime.interpreter import InterpretedFunction

    return isinstance(_kernels().forward, InterpretedFunction)


def _padded(channels: int) -> int:
    """The power of two that holds the channels; matrix products take 16 at least."""
    return max(16, 1 << (channels - 1).bit_length())


def _channels_innermost(x: Tensor) -> Tensor:
    """The map itself if its channels lie side by side, else a copy that has them so."""
    return x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()


def _copy_back(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    for target, written in pairs:
        if written is not target:
            target.copy_(written)
