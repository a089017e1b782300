"""Neighborhood attention by its plain definition: every key of every window is gathered.

Along an axis of length L with dilation d, position i belongs to residue class r = i mod d of n = ceil((L - r) / d)
positions, and is the p-th of them, p = i div d. Its window are the K positions of that class from
clamp(p - K // 2, 0, n - K) on: shifted at the borders, never padded. The relative position bias is read at
key - query + K - 1, counted in positions of the class (arXiv 2209.15001; 2211.05770).

Shape suffixes: q_BNHWC queries (B batch, N heads, H x W map, C head dimension), bias_NRR (R = 2K - 1); P = H * W
positions, J = K * K keys of a window.
"""

from functools import lru_cache

import torch

from stylenat.core.device import concrete


# What is cached outlives the call: made under inference mode, it could not serve a later backward pass.
@lru_cache(maxsize=256)
@torch.inference_mode(False)
def axis_windows(length: int, kernel_size: int, dilation: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Key positions and bias indices of every position of an axis: two int64 tensors (length, kernel_size)."""
    with concrete():
        position = torch.arange(length, device="cpu")
        residue, place = position % dilation, position // dilation
        class_length = (length - residue + dilation - 1) // dilation
        start = torch.minimum((place - kernel_size // 2).clamp_min(0), class_length - kernel_size)
        key_place = start[:, None] + torch.arange(kernel_size, device="cpu")
        return key_place * dilation + residue[:, None], key_place - place[:, None] + kernel_size - 1


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def map_windows(
    height: int, width: int, kernel_size: int, dilation: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat key positions and flat bias indices of every position of a map: two int64 tensors (P, J)."""
    key_y, bias_y = axis_windows(height, kernel_size, dilation)
    key_x, bias_x = axis_windows(width, kernel_size, dilation)

    def flat(y: torch.Tensor, x: torch.Tensor, row_length: int) -> torch.Tensor:
        table = y[:, None, :, None] * row_length + x[None, :, None, :]
        return table.reshape(height * width, kernel_size * kernel_size).to(device)

    with concrete():
        return flat(key_y, key_x, width), flat(bias_y, bias_x, 2 * kernel_size - 1)


def unavailable(device: torch.device) -> str | None:
    """None: it runs everywhere."""
    return None


def attend(
    q_BNHWC: torch.Tensor,
    k_BNHWC: torch.Tensor,
    v_BNHWC: torch.Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: torch.Tensor | None,
    scale: float,
) -> torch.Tensor:
    """The attended map (B, N, H, W, C); sizes have been checked by the caller. Half precisions compute in float32."""
    dtype = q_BNHWC.dtype
    weight_BNPJ, key_PJ = weights(q_BNHWC, k_BNHWC, kernel_size, dilation, bias_NRR, scale)
    value_BNPJC = _windows(v_BNHWC.to(weight_BNPJ.dtype), key_PJ)
    return (weight_BNPJ.unsqueeze(3) @ value_BNPJC).squeeze(3).view(v_BNHWC.shape).to(dtype)


def weights(
    q_BNHWC: torch.Tensor,
    k_BNHWC: torch.Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: torch.Tensor | None,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """How much each position looks at the keys of its window (B, N, P, J), and where those are (P, J)."""
    q_BNHWC, k_BNHWC = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (q_BNHWC, k_BNHWC))
    _, heads, height, width, _ = q_BNHWC.shape
    key_PJ, bias_PJ = map_windows(height, width, kernel_size, dilation, q_BNHWC.device)
    key_BNPJC = _windows(k_BNHWC, key_PJ)
    logits_BNPJ = (q_BNHWC.flatten(2, 3).unsqueeze(3) * scale @ key_BNPJC.transpose(3, 4)).squeeze(3)
    if bias_NRR is not None:
        bias_NPJ = bias_NRR.flatten(1).index_select(1, bias_PJ.flatten()).view(heads, *bias_PJ.shape)
        logits_BNPJ = logits_BNPJ + bias_NPJ.to(logits_BNPJ.dtype)
    return logits_BNPJ.softmax(dim=-1), key_PJ


def _windows(x_BNHWC: torch.Tensor, key_PJ: torch.Tensor) -> torch.Tensor:
    """What lies in every position's window, (B, N, P, J, C)."""
    gathered = x_BNHWC.flatten(2, 3).index_select(2, key_PJ.flatten())
    return gathered.unflatten(2, key_PJ.shape)
