"""Tiled neighborhood attention in plain PyTorch: dense attention of GEMM shape, tile by tile. The fast path on a CPU.

A piece of tiles is gathered into scratch memory that the caches hold, and stays there for all its products. Forward:
logits, softmax, values. Backward: the probabilities again from the saved log-sum-exp, then five products a piece; the
bias gradient is summed over tiles and scattered once. Half precisions are computed in float32.

Logits are held in units of log2: torch's exp2 on a CPU is vectorised for -inf as well, its exp is not.

Shape suffixes: q_BNHWC maps (B batch, N heads, C head dimension), bias_NRR (R = 2K - 1), lse_BNHW; tiles hold Q queries
and K keys, a piece has P of them, each head counted: q_PQC, s_PQK; mask_NQK.
"""

import math
import threading
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from stylenat.attention.tiles import Block, pieces, plan, tile_view

PIECE_BYTES = 8 << 20  # of a piece's tiles and scores; what is larger is not kept for the next call
PACKED_BYTES = 16 << 20  # of keys and values laid out head by head, whose tiles are gathered in longer runs
LOG2E = math.log2(math.e)


def unavailable(device: torch.device) -> str | None:
    """None where it runs: everywhere."""
    return None


class _Scratch(threading.local):
    """Memory by name and type, kept by the thread for its next call: fresh memory costs more than the work in it."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor of arbitrary content, at least float32; what had this name is given up."""
        size, key = math.prod(shape), (name, like.dtype, like.device)
        held = self.held.get(key)
        if held is None or held.numel() < size:
            with torch.inference_mode(False):  # it outlives the call
                dtype = torch.promote_types(like.dtype, torch.float32)
                held = self.held[key] = torch.empty(size, dtype=dtype, device=like.device)
        return held[:size].view(shape)

    def gather(self, name: str, tiles: Tensor) -> Tensor:
        """A copy of tiles (B, classes y, classes x, tiles y, tiles x, N, y, x, C) as (P, y * x, C)."""
        rows, columns, channels = tiles.shape[6:]
        return self.pack(name, tiles).view(-1, rows * columns, channels)

    def pack(self, name: str, x: Tensor) -> Tensor:
        """A contiguous copy."""
        return self.take(name, x.shape, x).copy_(x)

    def shrink(self) -> None:
        """Give large memory back."""
        self.held = {key: x for key, x in self.held.items() if x.numel() * x.element_size() <= PIECE_BYTES}


_scratch = _Scratch()


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
    """Fill the attended map, and the log-sum-exp where it is asked for."""
    table = _bias_table(bias_NRR, kernel_size, q_BNHWC)
    lse_BNHWC = None if lse_BNHW is None else lse_BNHW.unsqueeze(-1)
    height, width = q_BNHWC.shape[2:4]
    blocks = plan(height, width, kernel_size, dilation, _tile(height, dilation), q_BNHWC.device)
    alone = all(block.alone for block in blocks)
    for part in _head_groups(q_BNHWC, alone):
        q, k, v = (x[:, part] for x in (q_BNHWC, k_BNHWC, v_BNHWC))
        sources = q, k if alone else _scratch.pack("keys", k), v if alone else _scratch.pack("values", v)
        outputs = [x[:, part] for x in (out_BNHWC, lse_BNHWC) if x is not None]
        for block in blocks:
            mask_NQK = _mask(table[part], block)
            tiles = [tile_view(x, block, dilation, keys=x is not q) for x in sources]
            targets = [tile_view(x, block, dilation, keys=False) for x in outputs]
            for piece in _pieces(q, block, maps=4):
                _forward_piece([x[piece] for x in tiles], [x[piece] for x in targets], mask_NQK, scale)
    _scratch.shrink()


def _tile(height: int, dilation: int) -> tuple[int, int]:
    """Rows and columns: a class of 8 rows is best not cut; then low tiles waste less, and high ones share more keys."""
    return (4, 8) if 8 * dilation < height <= 32 * dilation else (8, 8)


def _head_groups(q_BNHWC: Tensor, alone: bool) -> list[slice]:
    """Heads to work on at a time: where tiles share keys, so many that packed keys and values are little memory."""
    batch, heads, height, width, channels = q_BNHWC.shape
    unit = 2 * batch * height * width * channels * max(q_BNHWC.element_size(), 4)
    size = heads if alone else max(1, min(heads, PACKED_BYTES // unit))
    return [slice(first, first + size) for first in range(0, heads, size)]


def _forward_piece(sources: Sequence[Tensor], targets: Sequence[Tensor], mask_NQK: Tensor, scale: float) -> None:
    """One piece's part of the attended map, and of the log-sum-exp where there is a second target."""
    q_PQC, k_PKC, v_PKC = (_scratch.gather(name, x) for name, x in zip("qkv", sources, strict=True))
    s_PQK = _logits(q_PQC.mul_(scale * LOG2E), k_PKC, mask_NQK)
    top_PQ1 = s_PQK.amax(dim=-1, keepdim=True)
    s_PQK.sub_(top_PQ1).exp2_()
    total_PQ1 = s_PQK.sum(dim=-1, keepdim=True)
    results = [torch.bmm(s_PQK, v_PKC, out=q_PQC).div_(total_PQ1)]
    if len(targets) > 1:
        results.append(total_PQ1.log2_().add_(top_PQ1).div_(LOG2E))
    for target, result in zip(targets, results, strict=True):
        target.copy_(result.view(target.shape))


def _pieces(q_BNHWC: Tensor, block: Block, maps: int) -> Iterator[tuple[slice, ...]]:
    """Pieces of a block: so many tiles that `maps` gathered maps and their scores fill a piece's memory."""
    batch, heads, _, _, channels = q_BNHWC.shape
    numbers = maps * channels * (block.queries + block.keys) // 2 + maps // 4 * block.queries * block.keys
    unit = batch * heads * numbers * max(q_BNHWC.element_size(), 4)
    row, column = block.rows, block.columns
    return pieces((row.residues, column.residues, row.tiles, column.tiles), unit, PIECE_BYTES)


def _bias_table(bias_NRR: Tensor | None, kernel_size: int, like: Tensor) -> Tensor:
    """Bias by flat index in units of log2 (N, R * R + 1); the last one, a key outside the window, is -inf."""
    if bias_NRR is None:
        bias_NRR = torch.zeros(like.shape[1], 2 * kernel_size - 1, 2 * kernel_size - 1, device=like.device)
    inside = bias_NRR.flatten(1).to(torch.promote_types(like.dtype, torch.float32)) * LOG2E
    return torch.cat([inside, inside.new_full((len(inside), 1), -math.inf)], dim=1)


def _mask(table: Tensor, block: Block) -> Tensor:
    """What is added to the logits of a block's tiles: (N, Q, K)."""
    return table.index_select(1, block.index.flatten()).unflatten(1, block.index.shape)


def _logits(q_PQC: Tensor, k_PKC: Tensor, mask_NQK: Tensor) -> Tensor:
    """Logits (P, Q, K) of scaled queries; one head's tiles lie `N` apart."""
    s_PQK = _scratch.take("s", (len(q_PQC), q_PQC.shape[1], k_PKC.shape[1]), q_PQC)
    torch.bmm(q_PQC, k_PKC.transpose(1, 2), out=s_PQK)
    s_PQK.unflatten(0, (-1, len(mask_NQK))).add_(mask_NQK)
    return s_PQK


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
    """Fill the gradients of the maps and of the bias."""
    table = _bias_table(bias_NRR, kernel_size, q_BNHWC)
    grad_table = torch.zeros_like(table)
    height, width = q_BNHWC.shape[2:4]
    blocks = plan(height, width, kernel_size, dilation, _tile(height, dilation), q_BNHWC.device)
    alone = all(block.alone for block in blocks)
    targets = grad_k_BNHWC, grad_v_BNHWC
    sums = targets
    if not alone:
        exact = grad_k_BNHWC.dtype == torch.promote_types(grad_k_BNHWC.dtype, torch.float32)
        sums = [x.zero_() if exact else torch.zeros_like(x, dtype=torch.float32) for x in targets]
    by_query = q_BNHWC, grad_out_BNHWC, out_BNHWC, lse_BNHW.unsqueeze(-1), grad_q_BNHWC
    by_key = k_BNHWC, v_BNHWC, *sums
    for block in blocks:
        mask_NQK = _mask(table, block)
        grad_NQK = torch.zeros_like(mask_NQK)
        queries = [tile_view(x, block, dilation, keys=False) for x in by_query]
        keys = [tile_view(x, block, dilation, keys=True) for x in by_key]
        for piece in _pieces(q_BNHWC, block, maps=8):
            tiles = [x[piece] for x in queries], [x[piece] for x in keys]
            _backward_piece(*tiles, block, mask_NQK, grad_NQK, scale, alone)
        grad_table.index_add_(1, block.index.flatten(), grad_NQK.flatten(1))
    for target, total in zip(targets, sums, strict=True):
        if target is not total:
            target.copy_(total)
    if grad_bias_NRR is not None:
        grad_bias_NRR.copy_(grad_table[:, :-1].view_as(grad_bias_NRR))


def _backward_piece(
    by_query: Sequence[Tensor],
    by_key: Sequence[Tensor],
    block: Block,
    mask_NQK: Tensor,
    grad_NQK: Tensor,
    scale: float,
    alone: bool,
) -> None:
    """One piece's part of all gradients: written where queries are, added where keys are shared."""
    *sources, target_q = by_query
    *key_sources, target_k, target_v = by_key
    names = ("q", "grad_out", "out", "lse")
    q_PQC, grad_out_PQC, out_PQC, lse_PQ1 = (_scratch.gather(n, x) for n, x in zip(names, sources, strict=True))
    k_PKC, v_PKC = (_scratch.gather(n, x) for n, x in zip("kv", key_sources, strict=True))
    delta_PQ1 = out_PQC.mul_(grad_out_PQC).sum(dim=-1, keepdim=True)
    p_PQK = _logits(q_PQC.mul_(scale * LOG2E), k_PKC, mask_NQK)
    p_PQK.sub_(lse_PQ1.mul_(LOG2E)).exp2_()
    grad_PKC = _scratch.take("grad_k", k_PKC.shape, k_PKC)
    torch.bmm(p_PQK.transpose(1, 2), grad_out_PQC, out=grad_PKC)
    _deliver(target_v, grad_PKC, 1.0, block, alone)
    grad_s_PQK = _scratch.take("grad_s", p_PQK.shape, p_PQK)
    torch.bmm(grad_out_PQC, v_PKC.transpose(1, 2), out=grad_s_PQK).sub_(delta_PQ1).mul_(p_PQK)
    grad_NQK += grad_s_PQK.unflatten(0, (-1, len(mask_NQK))).sum(dim=0)
    torch.bmm(grad_s_PQK.transpose(1, 2), q_PQC, out=grad_PKC)
    _deliver(target_k, grad_PKC, 1 / LOG2E, block, alone)
    torch.mul(torch.bmm(grad_s_PQK, k_PKC, out=q_PQC).view(target_q.shape), scale, out=target_q)


def _deliver(target: Tensor, values_PKC: Tensor, factor: float, block: Block, alone: bool) -> None:
    """Key tiles' gradients, times a factor: written if no tile shares a key, else added.

    Where tiles of a row overlap, the overlap is first added to the right neighbour, in scratch memory; the rest of the
    row's tiles lies side by side. Overlapping rows are added row by row, those that don't meet at once.
    """
    values = values_PKC.view(target.shape)
    if alone:
        torch.mul(values, factor, out=target)
        return
    step, tiles = block.columns.stride, target.shape[4]
    if tiles > 1 and block.columns.phases == 2:
        over = target.shape[7] - step
        values[:, :, :, :, 1:, :, :, :over] += values[:, :, :, :, :-1, :, :, step:]
        parts = [(slice(None), slice(0, step)), (slice(-1, None), slice(step, None))]
    else:
        parts = [(slice(x, None, block.columns.phases), slice(None)) for x in range(min(block.columns.phases, tiles))]
    for columns, places in parts:
        for y in range(min(block.rows.phases, target.shape[3])):
            rows = slice(y, None, block.rows.phases)
            target[:, :, :, rows, columns, :, :, places].add_(
                values[:, :, :, rows, columns, :, :, places], alpha=factor
            )
