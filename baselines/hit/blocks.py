"""HiT's blocks (arXiv 2106.07631, section 3): multi-query attention and MLPs, behind batch norms and beside a residual.

Tokens lie by patches: G patches of P pixels each; a stage without patches has one that holds the whole map.
Shape suffixes: x_BGPC tokens, embedding_BSE tokens attended to, q_BTX queries of X / D heads, k_BSD and v_BSD, of head
size D.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylenat.nn.linear import Linear

BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.01
MLP_RATIO = 4


class BatchNorm(nn.Module):
    """Batch norm over all axes but the last, the channels; in eval mode by running statistics.

    Kept as Keras keeps them for maps of four axes, by its fused operator: the running variance follows the batch's with
    n - 1 in the denominator, as torch's does, while the batch itself is normalised with n.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x_BGPC: Tensor) -> Tensor:
        """(..., C) to the same shape."""
        # One image with channels innermost: the layout that torch's kernels read in rows.
        x_1CN1 = x_BGPC.reshape(1, -1, 1, x_BGPC.shape[-1]).permute(0, 3, 1, 2)
        moments, weights = (self.running_mean, self.running_var), (self.weight, self.bias)
        y_1CN1 = F.batch_norm(x_1CN1, *moments, *weights, self.training, BATCH_NORM_MOMENTUM, BATCH_NORM_EPS)
        return y_1CN1.permute(0, 2, 3, 1).reshape(x_BGPC.shape)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift (C,) that eval mode applies."""
        scale_C = self.weight * torch.rsqrt(self.running_var + BATCH_NORM_EPS)
        return scale_C, self.bias - self.running_mean * scale_C


class MLP(nn.Module):
    """x + two linear layers of the normalised x, with an exact GELU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.fc1 = Linear(channels, MLP_RATIO * channels)
        self.fc2 = Linear(MLP_RATIO * channels, channels)

    def forward(self, x_BGPC: Tensor) -> Tensor:
        """(B, G, P, C) to the same shape."""
        return x_BGPC + self.fc2(F.gelu(self.fc1(self.norm(x_BGPC))))


class Block(nn.Module):
    """An MLP; blocks with attention put it in front."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = MLP(channels)

    def forward(self, x_BGPC: Tensor, embedding_BSE: Tensor) -> Tensor:
        """Tokens (B, G, P, C) and the embedding to tokens."""
        return self.mlp(x_BGPC)


class AttentionBlock(Block):
    """The projections of multi-query attention: one key and one value, shared by all heads (arXiv 1911.02150)."""

    def __init__(self, channels: int, heads: int, source_channels: int) -> None:
        super().__init__(channels)
        self.head_dim = channels // heads
        self.norm = BatchNorm(channels)
        self.query_dense = Linear(channels, channels)
        self.key_dense = Linear(source_channels, self.head_dim)
        self.value_dense = Linear(source_channels, self.head_dim)
        self.output_dense = Linear(channels, channels)


class CrossBlock(AttentionBlock):
    """Every token attends to the embedding, which is not normalised again."""

    def forward(self, x_BGPC: Tensor, embedding_BSE: Tensor) -> Tensor:
        """Tokens (B, G, P, C) and the embedding (B, S, E) to tokens."""
        q_BTX = self.query_dense(self.norm(x_BGPC)).flatten(1, 2)
        out_BTX = multi_query(q_BTX, self.key_dense(embedding_BSE), self.value_dense(embedding_BSE))
        return self.mlp(x_BGPC + self.output_dense(out_BTX).view(x_BGPC.shape))


class AxialBlock(AttentionBlock):
    """Half of the heads attend within a patch, the others to the pixels at the same place of all patches."""

    def forward(self, x_BGPC: Tensor, embedding_BSE: Tensor) -> Tensor:
        """Tokens (B, G, P, C) to tokens; the embedding is not used."""
        y_BGPC = self.norm(x_BGPC)
        out_BGPX = axial(self.query_dense(y_BGPC), self.key_dense(y_BGPC), self.value_dense(y_BGPC))
        return self.mlp(x_BGPC + self.output_dense(out_BGPX))


def multi_query(q_BTX: Tensor, k_BSD: Tensor, v_BSD: Tensor) -> Tensor:
    """Attention of X / D heads side by side to one key and value, (B, T, X).

    A token's heads become rows of their own, so that one product serves them all.
    """
    q_B1RD = q_BTX.reshape(len(q_BTX), 1, -1, k_BSD.shape[-1])
    return F.scaled_dot_product_attention(q_B1RD, k_BSD[:, None], v_BSD[:, None]).reshape(q_BTX.shape)


def axial(q_BGPX: Tensor, k_BGPD: Tensor, v_BGPD: Tensor) -> Tensor:
    """The first half of the heads within patches, the second across them: (B, G, P, X)."""
    within, across = q_BGPX.chunk(2, dim=-1)
    return torch.cat([_by_group(within, k_BGPD, v_BGPD), _across(across, k_BGPD, v_BGPD)], dim=-1)


def _by_group(q_BGPX: Tensor, k_BGPD: Tensor, v_BGPD: Tensor) -> Tensor:
    out = multi_query(q_BGPX.flatten(0, 1), k_BGPD.flatten(0, 1), v_BGPD.flatten(0, 1))
    return out.view(q_BGPX.shape)


def _across(q_BGPX: Tensor, k_BGPD: Tensor, v_BGPD: Tensor) -> Tensor:
    return _by_group(*(x.transpose(1, 2) for x in (q_BGPX, k_BGPD, v_BGPD))).transpose(1, 2)
