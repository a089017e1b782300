"""Neighborhood attention by torch's flex attention: the bias as a score modification, the windows as a block mask.

Folded, each residue class of a dilated axis is a map of its own: classes of rows go to the batch, those of columns to
the heads. Classes of unequal length lie in maps as long as the longest, and the mask knows their lengths. Positions are
laid out tile by tile, a tile being a block of the mask: which blocks a block reaches follows axis by axis from the
windows' ends, so that no table of all pairs of positions is made.

flex attention is compiled, seconds for each new shape (on a CPU by a C++ compiler); uncompiled, as `run` takes it for
tests, it holds the scores of all pairs. It has no backward pass on a CPU. On CUDA the bias gradient is summed by atomic
additions, one for each pair of positions in a block: exact but for their order, and slow.

Shape suffixes: q_BNHWC maps (B batch, N heads, C head dimension), bias_NRR (R = 2K - 1); folded (B * d, N * d, T, C), d
the dilation, T the positions of a class.
"""

import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from stylenat.core.errors import InputError

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
MIN_CAPABILITY = (7, 0)
# A tile is a block of the mask. Kernels of some GPUs work in blocks of 128, which must divide it; on a CPU small ones
# waste the least.
TILES = {"cuda": (8, 16), "cpu": (4, 8)}
MIN_CHANNELS = {"cuda": 16, "cpu": 1}
MAX_BLOCKS = 8192  # whose table takes 256 MB: those of 1024 x 1024 on a GPU
RECOMPILE_LIMIT = 256  # a network has more shapes than the eight that torch compiles before it gives up


@lru_cache(maxsize=16)
def unavailable(device: torch.device) -> str | None:
    """Why this backend can't run on a device, as a clause; None if it can."""
    if device.type == "cuda":
        return _unavailable_on_cuda(device)
    if device.type != "cpu":
        return "flex attention runs on a CUDA device or a CPU"
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return "flex attention on a CPU needs AVX2"
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"flex attention on a CPU needs a C++ compiler, and '{compiler}' is not found"
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return None if headers.is_file() else f"flex attention on a CPU needs Python's headers, and {headers} is not found"


def _unavailable_on_cuda(device: torch.device) -> str | None:
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    capability = torch.cuda.get_device_capability(device)
    if torch.version.hip or capability >= MIN_CAPABILITY:
        return None
    found, least = (".".join(map(str, x)) for x in (capability, MIN_CAPABILITY))
    return f"flex attention needs compute capability {least}, the device has {found}"


@torch.compiler.disable
def attend(
    q_BNHWC: Tensor,
    k_BNHWC: Tensor,
    v_BNHWC: Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: Tensor | None,
    scale: float,
) -> Tensor:
    """The attended map (B, N, H, W, C); sizes have been checked by the caller.

    Raises:
        InputError: the dtype is none of DTYPES, a gradient is needed on a CPU, or the map is too large.
    """
    reason = unavailable(q_BNHWC.device)
    if reason:
        raise InputError(f"attention backend 'flex': {reason}")
    if q_BNHWC.dtype not in DTYPES:
        raise InputError(f"attention backend 'flex' got {q_BNHWC.dtype}, expected one of {', '.join(map(str, DTYPES))}")
    inputs = (q_BNHWC, k_BNHWC, v_BNHWC, bias_NRR)
    needs_gradient = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)
    if q_BNHWC.device.type == "cpu" and needs_gradient:
        raise InputError(
            "attention backend 'flex' has no gradients on a CPU: torch's flex attention is forward only there"
        )
    with torch.compiler.config.patch(recompile_limit=RECOMPILE_LIMIT):
        return run(_compiled(torch.get_num_threads()), *inputs[:3], kernel_size, dilation, bias_NRR, scale)


@lru_cache
def _compiled(threads: int) -> Callable[..., Tensor]:
    """A CPU's kernel has scratch memory for the threads that torch used when it was compiled.

    Run by more of them, as it may be when it comes from Inductor's cache on disk, it writes past the end (torch 2.11).
    As an option, their number is part of the key, here and there.
    """
    return torch.compile(flex_attention, dynamic=False, fullgraph=True, options={"cpp.threads": threads})


def run(
    kernel: Callable[..., Tensor],
    q_BNHWC: Tensor,
    k_BNHWC: Tensor,
    v_BNHWC: Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: Tensor | None,
    scale: float,
) -> Tensor:
    """The attended map by flex attention as given, compiled or not."""
    device, channels = q_BNHWC.device, q_BNHWC.shape[-1]
    folding = fold_map(q_BNHWC.shape[2], q_BNHWC.shape[3], kernel_size, dilation, TILES[device.type])
    mask = block_mask(folding, device)
    maps = [folding.fold(x, max(channels, MIN_CHANNELS[device.type])) for x in (q_BNHWC, k_BNHWC, v_BNHWC)]
    out = kernel(
        *maps,
        score_mod=None if bias_NRR is None else folding.score_mod(bias_NRR.to(_score_dtype(q_BNHWC.dtype))),
        block_mask=mask,
        scale=scale,
        kernel_options=kernel_options(q_BNHWC.dtype),
    )
    return folding.unfold(out)[..., :channels]


def kernel_options(dtype: torch.dtype) -> dict[str, Any]:
    """Options of the GPU kernels; a CPU has none of them."""
    options: dict[str, Any] = {"BACKEND": "TRITON"}  # not the decoding kernel, which short maps would get
    if dtype.itemsize == 2:
        # Larger ones, which torch takes for 64 channels and more, exceed the shared memory with this score_mod.
        options |= {f"fwd_BLOCK_{axis}": 64 for axis in ("M", "N")}
        options |= {f"bwd_BLOCK_{axis}": 64 for axis in ("M1", "N1", "M2", "N2")}
    return options


def _score_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


@dataclass(frozen=True)
class Axis:
    """An axis of a folded map."""

    length: int
    kernel_size: int
    dilation: int
    tile: int

    @property
    def places(self) -> int:
        """Places of the longest residue class."""
        return -(-self.length // self.dilation)

    @property
    def tiles(self) -> int:
        """Tiles that hold them, the last of which may reach beyond."""
        return -(-self.places // self.tile)

    def visible(self, query: Tensor, key: Tensor, residue: Tensor) -> Tensor:
        """Whether a key place lies in the window of a query place of a residue class."""
        longer = self.length % self.dilation  # as many classes have a place more
        count = self.places if longer == 0 else self.places - (residue >= longer).to(query.dtype)
        # Places beyond the end get the last window: no row is without keys.
        start = (query - self.kernel_size // 2).clamp(min=0).clamp(max=count - self.kernel_size)
        return (key >= start) & (key < start + self.kernel_size)

    def bias_index(self, query: Tensor, key: Tensor) -> Tensor:
        """Where the bias of a pair stands; for a key outside the window some other, valid index."""
        return (key - query + self.kernel_size - 1).clamp(0, 2 * self.kernel_size - 2)

    @cached_property
    def reach(self) -> Tensor:
        """Whether a tile's queries see keys of another tile, (tiles, tiles) bool, in any residue class."""
        place = torch.arange(self.tiles * self.tile, device="cpu")
        residues = torch.tensor([0, self.dilation - 1], device="cpu")
        pairs = self.visible(place[:, None, None], place[:, None], residues)
        return pairs.any(dim=-1).unflatten(1, (-1, self.tile)).any(dim=2).unflatten(0, (-1, self.tile)).any(dim=1)


@dataclass(frozen=True)
class Folding:
    """How a map is laid out for flex attention."""

    rows: Axis
    columns: Axis

    @property
    def tokens(self) -> int:
        """Positions of a residue class, those beyond its end included."""
        return prod(axis.tiles * axis.tile for axis in (self.rows, self.columns))

    def fold(self, x_BNHWC: Tensor, channels: int) -> Tensor:
        """A map (B * d, N * d, T, channels); what is beyond its end is zero."""
        (rows, columns), d = (self.rows, self.columns), self.rows.dilation
        ends = [axis.tiles * axis.tile * d - axis.length for axis in (columns, rows)]
        padding = (0, channels - x_BNHWC.shape[-1], 0, ends[0], 0, ends[1])
        padded = F.pad(x_BNHWC, padding) if any(padding) else x_BNHWC
        split = padded.unflatten(3, (columns.tiles, columns.tile, d)).unflatten(2, (rows.tiles, rows.tile, d))
        return split.permute(0, 4, 1, 7, 2, 5, 3, 6, 8).flatten(4, 7).flatten(2, 3).flatten(0, 1)

    def unfold(self, x: Tensor) -> Tensor:
        """A folded map (B * d, N * d, T, C) as (B, N, H, W, C)."""
        (rows, columns), d = (self.rows, self.columns), self.rows.dilation
        split = x.unflatten(2, (rows.tiles, columns.tiles, rows.tile, columns.tile))
        split = split.unflatten(1, (-1, d)).unflatten(0, (-1, d))
        padded = split.permute(0, 2, 4, 6, 1, 5, 7, 3, 8).flatten(5, 7).flatten(2, 4)
        return padded[:, :, : rows.length, : columns.length]

    def places(self, token: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column place of a position."""
        tile, inside = token // (self.rows.tile * self.columns.tile), token % (self.rows.tile * self.columns.tile)
        row = tile // self.columns.tiles * self.rows.tile + inside // self.columns.tile
        return row, tile % self.columns.tiles * self.columns.tile + inside % self.columns.tile

    def mask_mod(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Whether a query sees a key, as flex attention asks."""
        (query_y, query_x), (key_y, key_x) = self.places(query), self.places(key)
        in_rows = self.rows.visible(query_y, key_y, batch % self.rows.dilation)
        return in_rows & self.columns.visible(query_x, key_x, head % self.columns.dilation)

    def score_mod(self, bias_NRR: Tensor) -> Callable[..., Tensor]:
        """What adds the bias to a score, as flex attention asks."""
        side, dilation, flat = bias_NRR.shape[-1], self.rows.dilation, bias_NRR.flatten()

        def add_bias(score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            (query_y, query_x), (key_y, key_x) = self.places(query), self.places(key)
            row = head // dilation * side + self.rows.bias_index(query_y, key_y)
            return score + flat[row * side + self.columns.bias_index(query_x, key_x)]

        return add_bias


def fold_map(height: int, width: int, kernel_size: int, dilation: int, tile: tuple[int, int]) -> Folding:
    """The layout of a map; one whose residue classes are no larger than a tile is one tile of their size."""
    places = (-(-height // dilation), -(-width // dilation))
    tile = places if prod(places) <= prod(tile) else tile
    return Folding(*(Axis(n, kernel_size, dilation, t) for n, t in zip((height, width), tile, strict=True)))


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def block_mask(folding: Folding, device: torch.device) -> BlockMask:
    """The block mask of a folded map; its blocks are the tiles."""
    blocks = folding.rows.tiles * folding.columns.tiles
    if blocks > MAX_BLOCKS:
        raise InputError(
            f"attention backend 'flex' got a map of {folding.rows.length} x {folding.columns.length},"
            f" which takes {blocks} blocks, expected at most {MAX_BLOCKS}"
        )
    rows, columns = folding.rows.reach, folding.columns.reach
    kv_num_blocks, kv_indices = (x.to(device) for x in _block_table(rows, columns))
    q_num_blocks, q_indices = (x.to(device) for x in _block_table(rows.T, columns.T))
    return BlockMask(
        seq_lengths=(folding.tokens, folding.tokens),
        kv_num_blocks=kv_num_blocks,
        kv_indices=kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        q_num_blocks=q_num_blocks,
        q_indices=q_indices,
        full_q_num_blocks=None,
        full_q_indices=None,
        BLOCK_SIZE=(prod(TILES[device.type]),) * 2,
        mask_mod=folding.mask_mod,
    )


def _block_table(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks each block reaches and which, (1, 1, blocks) and (1, 1, blocks, blocks) int32, by axis."""
    blocks = len(rows) * len(columns)
    counts = rows.sum(dim=1)[:, None] * columns.sum(dim=1)
    indices = torch.zeros(blocks, blocks, dtype=torch.int32, device="cpu")
    ys, xs = ([line.nonzero().flatten() for line in axis] for axis in (rows, columns))
    for block in range(blocks):
        y, x = ys[block // len(columns)], xs[block % len(columns)]
        reached = (y[:, None] * len(columns) + x).flatten()
        indices[block, : len(reached)] = reached
    return counts.flatten().int()[None, None], indices[None, None]
