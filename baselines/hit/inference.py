"""HiT's blocks where no gradient is taken: the same numbers to rounding, with less work and memory.

Batch norms are affine maps and go into the weights behind them. Cross-attention has so few keys that they go into the
weights as well: scores come from the tokens by one product with (W_q k), outputs from the probabilities by one with
(v W_o), instead of two each. A product, its activation and its residual sum are one pass where oneDNN serves the
device, on as many tokens at a time as the caches hold; the tokens are updated in place.

Shape suffixes: x_BGPC tokens, x_BTC and x_TC the same without patches or images (T tokens), embedding_BSE, scores_BTK
(K = heads * S), weight_OC.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.hit.blocks import MLP, AxialBlock, BatchNorm, Block, CrossBlock, axial
from stylenat.nn.fused_linear import linear_add, linear_gelu

CHUNK_BYTES = 4 << 20  # of hidden features, on a CPU
DEVICES = ("cpu", "cuda")


def serves(z_BZ: Tensor) -> bool:
    """Whether a call in eval mode can run this way."""
    device = z_BZ.device.type
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or device not in DEVICES:
        return False
    return not torch.is_autocast_enabled(device)


def run(block: Block, x_BGPC: Tensor, embedding_BSE: Tensor) -> Tensor:
    """A block's output, written over its input."""
    if isinstance(block, CrossBlock):
        _add_cross(block, x_BGPC.view(len(x_BGPC), -1, x_BGPC.shape[-1]), embedding_BSE)
    elif isinstance(block, AxialBlock):
        _add_axial(block, x_BGPC)
    _add_mlp(block.mlp, x_BGPC.view(-1, x_BGPC.shape[-1]))
    return x_BGPC


def _add_cross(block: CrossBlock, x_BTC: Tensor, embedding_BSE: Tensor) -> None:
    into_BCK, bias_B1K, out_BKC = _cross_weights(block, embedding_BSE)
    for image, tokens in _pieces(x_BTC, into_BCK.shape[-1]):
        x = x_BTC[image, tokens]
        scores_BTK = torch.baddbmm(bias_B1K[image], x, into_BCK[image])
        scores = scores_BTK.unflatten(-1, (-1, embedding_BSE.shape[1]))
        x.baddbmm_(scores.softmax(dim=-1).flatten(2), out_BKC[image])


def _cross_weights(block: CrossBlock, embedding_BSE: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (B, C, K) and bias (B, 1, K) of the scores of raw tokens, weights (B, K, C) of the probabilities."""
    k_BSD, v_BSD = block.key_dense(embedding_BSE) / math.sqrt(block.head_dim), block.value_dense(embedding_BSE)
    weight_OC, bias_O = _folded(block.norm, block.query_dense.weight, block.query_dense.bias)
    query_HDC, bias_HD = (x.unflatten(0, (-1, block.head_dim)) for x in (weight_OC, bias_O))
    into_BCK = torch.einsum("hdc,bsd->bchs", query_HDC, k_BSD).flatten(2)
    bias_B1K = torch.einsum("hd,bsd->bhs", bias_HD, k_BSD).flatten(1)[:, None]
    output_OHD = block.output_dense.weight.unflatten(1, (-1, block.head_dim))
    out_BHSO = torch.einsum("ohd,bsd->bhso", output_OHD, v_BSD)
    out_BHSO[:, 0] += block.output_dense.bias  # the probabilities of a head sum to 1
    return into_BCK, bias_B1K, out_BHSO.flatten(1, 2)


def _add_axial(block: AxialBlock, x_BGPC: Tensor) -> None:
    channels, head_dim = x_BGPC.shape[-1], block.head_dim
    layers = (block.query_dense, block.key_dense, block.value_dense)
    weight_OC, bias_O = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
    qkv = _normed_linear(block.norm, weight_OC, bias_O, x_BGPC)
    out_BGPX = axial(*qkv.split([channels, head_dim, head_dim], dim=-1))
    x_TC = x_BGPC.view(-1, channels)
    x_TC.copy_(linear_add(out_BGPX.view(-1, channels), block.output_dense.weight, block.output_dense.bias, x_TC))


def _normed_linear(norm: BatchNorm, weight_OC: Tensor, bias_O: Tensor, x: Tensor) -> Tensor:
    """A linear layer of normalised tokens; of tokens and weights, the fewer are scaled."""
    if x[..., 0].numel() > len(weight_OC):
        return F.linear(x, *_folded(norm, weight_OC, bias_O))
    scale_C, shift_C = norm.affine()
    return F.linear(torch.addcmul(shift_C, x, scale_C), weight_OC, bias_O)


def _add_mlp(mlp: MLP, x_TC: Tensor) -> None:
    hidden = mlp.fc1.out_features
    weight_OC, bias_O = mlp.fc1.weight, mlp.fc1.bias
    fold = len(x_TC) > hidden
    scale_C, shift_C = mlp.norm.affine()
    if fold:
        weight_OC, bias_O = _folded(mlp.norm, weight_OC, bias_O)
    for _, tokens in _pieces(x_TC[None], hidden):
        x = x_TC[tokens]
        y = x if fold else torch.addcmul(shift_C, x, scale_C)
        x.copy_(linear_add(linear_gelu(y, weight_OC, bias_O), mlp.fc2.weight, mlp.fc2.bias, x))


def _folded(norm: BatchNorm, weight_OC: Tensor, bias_O: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias on raw tokens, that give what the layer gives on normalised ones."""
    scale_C, shift_C = norm.affine()
    return weight_OC * scale_C, torch.addmv(bias_O, weight_OC, shift_C)


def _pieces(x_BTC: Tensor, width: int) -> Iterator[tuple[slice, slice]]:
    """Images and tokens to be worked on at a time, when each token takes `width` numbers of memory."""
    batch, tokens, _ = x_BTC.shape
    rows = max(CHUNK_BYTES // (width * x_BTC.element_size()), 1) if x_BTC.device.type == "cpu" else batch * tokens
    images = max(rows // tokens, 1)
    for image in range(0, batch, images):
        for first in range(0, tokens, rows):
            yield slice(image, image + images), slice(first, first + rows)
