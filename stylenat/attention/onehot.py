"""A relative position bias without a bias argument: exactly, by more channels of queries and keys.

Along an axis the K keys of a window are consecutive places of one residue class, so that their places modulo K are all
different. A key carries its place modulo K in both axes as one-hot channels, one of K * K; a query carries in each
channel the bias towards the one key of its window that has it. Then q' . k' = q . k + bias for every pair of a window.
Taking the first channel's value off all of them shifts a query's logits by a constant, which softmax does not see: that
channel is zero and left out. Logits must not be scaled afterwards, so that q is given with its scale applied.

Shape suffixes: q_BNHWC queries (B batch, N heads, H x W map, C head dimension), bias_NRR (R = 2K - 1); E = K * K - 1
channels more, L positions of an axis.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from stylenat.attention.reference import axis_windows


def widen(
    q_BNHWC: Tensor, k_BNHWC: Tensor, bias_NRR: Tensor, kernel_size: int, dilation: int, pad_to: int = 1
) -> tuple[Tensor, Tensor]:
    """Queries and keys whose products hold the bias: C + K * K - 1 channels each, then zeros to a multiple of pad_to.

    Neighborhood attention over them with scale 1 and no bias is that of q and k with the bias.
    """
    more_q_NHWE = _biases_by_key_place(bias_NRR, q_BNHWC.shape[2:4], kernel_size, dilation).to(q_BNHWC.dtype)
    more_k_HWE = _one_hot_places(k_BNHWC.shape[2:4], kernel_size, dilation, k_BNHWC.device).to(k_BNHWC.dtype)
    zeros = -(q_BNHWC.shape[-1] + more_k_HWE.shape[-1]) % pad_to

    def joined(x_BNHWC: Tensor, more: Tensor) -> Tensor:
        more = F.pad(more, (0, zeros)) if zeros else more
        return torch.cat([x_BNHWC, more.expand(*x_BNHWC.shape[:-1], -1)], dim=-1)

    return joined(q_BNHWC, more_q_NHWE), joined(k_BNHWC, more_k_HWE)


@lru_cache(maxsize=128)
@torch.inference_mode(False)
def axis_tables(length: int, kernel_size: int, dilation: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """An axis's bias index by query and key place modulo K, (L, K), and each key's own place modulo K, (L,): int64."""
    key_LK, bias_LK = axis_windows(length, kernel_size, dilation)
    by_place_LK = torch.empty_like(bias_LK).scatter_(1, key_LK // dilation % kernel_size, bias_LK)
    place_L = torch.arange(length, device="cpu") // dilation % kernel_size
    return by_place_LK.to(device), place_L.to(device)


def _biases_by_key_place(bias_NRR: Tensor, size: torch.Size, kernel_size: int, dilation: int) -> Tensor:
    """Each query's bias by key place modulo K, less that of the first, which is left out: (N, H, W, E).

    One axis is looked up after the other, so that no table is as large as the map.
    """
    (by_y, _), (by_x, _) = (axis_tables(length, kernel_size, dilation, bias_NRR.device) for length in size)
    rows_NHKR = bias_NRR.index_select(1, by_y.flatten()).unflatten(1, by_y.shape)
    bias_NHKWK = rows_NHKR.index_select(3, by_x.flatten()).unflatten(3, by_x.shape)
    bias_NHWJ = bias_NHKWK.transpose(2, 3).flatten(3)
    return bias_NHWJ[..., 1:] - bias_NHWJ[..., :1]


def _one_hot_places(size: torch.Size, kernel_size: int, dilation: int, device: torch.device) -> Tensor:
    """Each key's place modulo K as one-hot channels, the first left out: (H, W, E) bool."""
    (_, place_y), (_, place_x) = (axis_tables(length, kernel_size, dilation, device) for length in size)
    channel_HW = place_y[:, None] * kernel_size + place_x
    return channel_HW[..., None] == torch.arange(1, kernel_size**2, device=device)
