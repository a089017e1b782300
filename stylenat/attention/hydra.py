"""Attention modules: heads divided among several neighborhoods (arXiv 2211.05770, section 3), and full attention.

Shape suffixes: x_BHWC maps, q_BNHWC queries (N heads), rpb_NRR relative position bias (R = 2K - 1).
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import nn

from stylenat.attention.dispatch import Partition, hydra_attention
from stylenat.core.device import concrete
from stylenat.core.errors import InputError
from stylenat.nn.linear import Linear

CPU = torch.device("cpu")


def divide_heads(num_heads: int, kernel_sizes: Sequence[int], dilations: Sequence[int]) -> list[Partition]:
    """Heads in equal consecutive partitions; a remainder goes one head each to the last partitions.

    Raises:
        InputError: there are more partitions than heads, or not one kernel size and dilation each.
    """
    parts = len(dilations)
    if len(kernel_sizes) != parts:
        raise InputError(f"found {len(kernel_sizes)} kernel sizes for {parts} dilations, expected one each")
    if not 1 <= parts <= num_heads:
        raise InputError(f"found {parts} partitions for {num_heads} heads, expected between 1 and {num_heads}")
    share, rest = divmod(num_heads, parts)
    counts = [share + (index >= parts - rest) for index in range(parts)]
    return [Partition(*fields) for fields in zip(counts, kernel_sizes, dilations, strict=True)]


class HydraAttention(nn.Module):
    """Multi-head attention whose partitions of heads see neighborhoods of their own; (B, H, W, C) to the same."""

    def __init__(self, dim: int, num_heads: int, kernel_sizes: Sequence[int], dilations: Sequence[int]) -> None:
        super().__init__()
        _check_heads(dim, num_heads)
        self.num_heads = num_heads
        self.partitions = divide_heads(num_heads, kernel_sizes, dilations)
        self.qkv = Linear(dim, 3 * dim)
        self.rpb = nn.ParameterList(
            nn.Parameter(torch.zeros(heads, 2 * kernel - 1, 2 * kernel - 1)) for heads, kernel, _ in self.partitions
        )
        self.proj = Linear(dim, dim)

    def forward(self, x_BHWC: torch.Tensor) -> torch.Tensor:
        """The attended map, (B, H, W, C)."""
        return self.proj(self.attend(self.qkv(x_BHWC)))

    def attend(self, qkv_BHWO: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Packed projections (B, H, W, 3C) to attended values (B, H, W, C), put into `out` if it is given."""
        qkv_BHW3NC = qkv_BHWO.unflatten(-1, (3, self.num_heads, -1))
        out_BHWNC = None if out is None else out.unflatten(-1, (self.num_heads, -1))
        return hydra_attention(qkv_BHW3NC, self.partitions, list(self.rpb), out=out_BHWNC).flatten(3)


class FullAttention(nn.Module):
    """Multi-head attention over a whole small map with relative position bias; (B, H, W, C) to the same."""

    def __init__(self, dim: int, num_heads: int, resolution: int) -> None:
        super().__init__()
        _check_heads(dim, num_heads)
        self.num_heads, self.resolution = num_heads, resolution
        self.qkv = Linear(dim, 3 * dim)
        self.rpb = nn.Parameter(torch.zeros(num_heads, 2 * resolution - 1, 2 * resolution - 1))
        self.proj = Linear(dim, dim)

    def forward(self, x_BHWC: torch.Tensor) -> torch.Tensor:
        """The attended map, (B, H, W, C)."""
        return self.proj(self.attend(self.qkv(x_BHWC)))

    def attend(self, qkv_BHWO: torch.Tensor) -> torch.Tensor:
        """Packed projections (B, H, W, 3C) to attended values (B, H, W, C)."""
        batch, height, width, _ = qkv_BHWO.shape
        tokens = height * width
        qkv = qkv_BHWO.view(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q_BNTC, k_BNTC, v_BNTC = qkv
        bias_NTT = self.rpb.flatten(1)[:, relative_position_index(self.resolution, qkv_BHWO.device)]
        logits_BNTT = (q_BNTC * q_BNTC.shape[-1] ** -0.5) @ k_BNTC.transpose(2, 3) + bias_NTT
        out_BNTC = logits_BNTT.softmax(dim=-1) @ v_BNTC
        return out_BNTC.transpose(1, 2).reshape(batch, height, width, -1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def relative_position_index(resolution: int, device: torch.device = CPU) -> torch.Tensor:
    """Flat bias index of each (query, key) pair of a square map, key - query + side - 1 per axis: (T, T) int64."""
    with concrete():
        place = torch.arange(resolution, device=CPU)
        offset = place[None, :] - place[:, None] + resolution - 1
        table = offset[:, None, :, None] * (2 * resolution - 1) + offset[None, :, None, :]
        return table.reshape(resolution * resolution, resolution * resolution).to(device)


def _check_heads(dim: int, num_heads: int) -> None:
    if num_heads < 1 or dim % num_heads:
        raise InputError(f"{dim} channels can't be divided among {num_heads} heads")
