"""Tiled neighborhood attention in plain PyTorch: one GEMM-shaped attention a tile. The fast path on a CPU.

Forward: torch's fused CPU attention with the tile's bias as mask. Backward: the probabilities again from the saved
log-sum-exp, then five batched products; the bias gradient is summed over tiles and scattered once. Exact, but not
differentiable twice.

Shape suffixes: q_BNHWC maps (B batch, N heads, C head dimension), bias_NRR (R = 2K - 1); t_TNQC query tiles (T tiles, Q
queries), t_TNKC key tiles (K keys), bias_NQK.
"""

from typing import Any

import torch
from torch.autograd.function import FunctionCtx, once_differentiable

from stylenat.attention.tiles import Block, chunks, plan, view

TILE = (8, 8)
CHUNK_BYTES = 4 << 20  # of one piece's tiles and scores: about a core's share of the cache
_FUSED = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def attend(
    q_BNHWC: torch.Tensor,
    k_BNHWC: torch.Tensor,
    v_BNHWC: torch.Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: torch.Tensor | None,
    scale: float,
) -> torch.Tensor:
    """The attended map (B, N, H, W, C); sizes have been checked by the caller."""
    return _TiledAttention.apply(q_BNHWC, k_BNHWC, v_BNHWC, bias_NRR, kernel_size, dilation, scale)


def _bias_tile(bias_NRR: torch.Tensor | None, block: Block, kernel_size: int, like: torch.Tensor) -> torch.Tensor:
    """The additive mask of a block's tiles (N or 1, Q, K): bias inside the windows, -inf outside."""
    if bias_NRR is None:
        bias_NRR = like.new_zeros(1, 2 * kernel_size - 1, 2 * kernel_size - 1)
    outside = bias_NRR.new_full((len(bias_NRR), 1), float("-inf"))
    return torch.cat([bias_NRR.flatten(1), outside], dim=1).to(like.dtype)[:, block.index]


def _bytes_per_tile(block: Block, q: torch.Tensor) -> int:
    batch, heads, _, _, channels = q.shape
    numbers = 2 * channels * (block.queries + block.keys) + block.queries * block.keys
    return batch * heads * numbers * q.element_size()


class _TiledAttention(torch.autograd.Function):
    """The public function's forward and backward."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        bias: torch.Tensor | None,
        kernel_size: int,
        dilation: int,
        scale: float,
    ) -> torch.Tensor:
        batch, heads, height, width, channels = q.shape
        # Channels last in memory, heads inside the map: the layout that the projection behind needs.
        out = q.new_empty(batch, height, width, heads, channels).permute(0, 3, 1, 2, 4)
        keep = any(ctx.needs_input_grad)
        lse = q.new_empty(batch, heads, height, width, 1, dtype=torch.promote_types(q.dtype, torch.float32))
        for block in plan(height, width, kernel_size, dilation, TILE, q.device):
            mask = _bias_tile(bias, block, kernel_size, q).unsqueeze(0)
            q_tiles, out_tiles, lse_tiles = (view(x, block, dilation, keys=False) for x in (q, out, lse))
            k_tiles, v_tiles = (view(x, block, dilation, keys=True) for x in (k, v))
            for piece in chunks(block, _bytes_per_tile(block, q), CHUNK_BYTES):
                queries = q_tiles[piece].reshape(-1, heads, block.queries, channels)
                keys, values = (x[piece].reshape(-1, heads, block.keys, channels) for x in (k_tiles, v_tiles))
                attended, logsumexp = _FUSED(queries, keys, values, 0.0, False, attn_mask=mask, scale=scale)
                target = out_tiles[piece]
                target.copy_(attended.view(target.shape))
                if keep:
                    lse_tiles[piece].copy_(logsumexp.view(lse_tiles[piece].shape))
        if keep:
            ctx.save_for_backward(q, k, v, bias, out, lse)
            ctx.sizes = (kernel_size, dilation, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, bias, out, lse = ctx.saved_tensors
        kernel_size, dilation, scale = ctx.sizes
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        delta = (grad_out * out).sum(dim=-1, keepdim=True)
        heads, cells = q.shape[1], (2 * kernel_size - 1) ** 2
        grad_bias = q.new_zeros(heads, cells + 1)
        for block in plan(q.shape[2], q.shape[3], kernel_size, dilation, TILE, q.device):
            mask = _bias_tile(bias, block, kernel_size, q)
            sources = [view(x, block, dilation, keys=False) for x in (q, grad_out, lse, delta)]
            sources += [view(x, block, dilation, keys=True) for x in (k, v)]
            targets = [view(grad_q, block, dilation, keys=False)]
            targets += [view(x, block, dilation, keys=True) for x in (grad_k, grad_v)]
            grad_scores = q.new_zeros(heads, block.queries, block.keys)
            for piece in chunks(block, 2 * _bytes_per_tile(block, q), CHUNK_BYTES):
                tensors = [x[piece] for x in sources]
                _backward_piece(block, tensors, [x[piece] for x in targets], mask, grad_scores, scale)
            if bias is not None:
                grad_bias.index_add_(1, block.index.flatten(), grad_scores.flatten(1))
        shaped = None if bias is None else grad_bias[:, :cells].reshape(bias.shape).to(bias.dtype)
        return grad_q, grad_k, grad_v, shaped, None, None, None


def _backward_piece(
    block: Block,
    sources: list[torch.Tensor],
    targets: list[torch.Tensor],
    mask_NQK: torch.Tensor,
    grad_scores_NQK: torch.Tensor,
    scale: float,
) -> None:
    """One piece's part of all gradients, added to the targets."""
    heads, queries, keys = grad_scores_NQK.shape
    q, grad_out, lse, delta = (x.reshape(-1, queries, x.shape[-1]) for x in sources[:4])
    k, v = (x.reshape(-1, keys, x.shape[-1]) for x in sources[4:])
    q = q * scale
    p = torch.bmm(q, k.transpose(1, 2)).unflatten(0, (-1, heads))
    p = p.add_(mask_NQK).flatten(0, 1).sub_(lse).exp_()
    grad_v = torch.bmm(p.transpose(1, 2), grad_out)
    grad_s = torch.bmm(grad_out, v.transpose(1, 2)).sub_(delta).mul_(p)
    grad_scores_NQK += grad_s.unflatten(0, (-1, heads)).sum(dim=0)
    target_q, target_k, target_v = targets
    target_q.copy_(torch.bmm(grad_s, k).mul_(scale).view(target_q.shape))
    _add_overlapping(target_k, torch.bmm(grad_s.transpose(1, 2), q).view(target_k.shape), block)
    _add_overlapping(target_v, grad_v.view(target_v.shape), block)


def _add_overlapping(target: torch.Tensor, values: torch.Tensor, block: Block) -> None:
    """Add key tiles that may overlap: tiles that don't are added together, phase by phase."""
    rows, columns = block.rows.phases, block.columns.phases
    for y in range(min(rows, target.shape[3])):
        for x in range(min(columns, target.shape[4])):
            target[:, :, :, y::rows, x::columns] += values[:, :, :, y::rows, x::columns]
