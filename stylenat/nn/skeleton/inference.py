"""The generator's levels where no gradient is taken: the same numbers to rounding, with less memory and traffic.

On a CPU AdaIN is folded into the weights of the linear layer behind it (one set of weights a sample; above as many
tokens as the layer has outputs that is less work than scaling the tokens); a product, its activation and its residual
sum are one pass; the MLP runs on as many tokens at a time as the caches hold; the residual stream is updated in place.
The fold moves the subtraction of a channel's mean behind the product: for a channel whose mean is m times its standard
deviation, the rounding error grows by m. With a GPU a residual sum and the moments for the next AdaIN are one kernel,
its scale and shift another.

Shape suffixes: x_BTC tokens, x_TC those of one sample, w_BW styles, weight_OC.
"""

from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylenat.nn import fused_norm
from stylenat.nn.fused_linear import fusable, linear, linear_add, linear_gelu
from stylenat.nn.norms import AdaIN
from stylenat.nn.resample import enlarge

if TYPE_CHECKING:
    from stylenat.nn.skeleton.generator import Block, Upsample

CHUNK_BYTES = 8 << 20  # of the MLP's hidden features


class Path(Protocol):
    """How one call of the generator runs its blocks and upsamplers; it may write over the tokens that it is given."""

    def block(self, module: "Block", x_BTC: Tensor, w_BW: Tensor) -> Tensor:
        """A block's output."""
        ...

    def upsample(self, module: "Upsample", x_BTC: Tensor) -> Tensor:
        """An upsampler's output."""
        ...


def path_for(z_BZ: Tensor) -> Path | None:
    """A path for one call; None where a gradient is taken, a compiler traces, or nothing here serves the tensor."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or type(z_BZ) is not Tensor:
        return None
    if fusable(z_BZ):
        return FoldedPath()
    if z_BZ.device.type == "cuda" and z_BZ.dtype in fused_norm.DTYPES and fused_norm.unavailable(z_BZ.device) is None:
        return FusedNormPath()
    return None


class FusedNormPath:
    """By the kernels of `fused_norm`; the moments of the tokens go from block to block."""

    def __init__(self) -> None:
        self.moments: tuple[Tensor, Tensor] | None = None  # mean and variance

    def block(self, module: "Block", x_BTC: Tensor, w_BW: Tensor) -> Tensor:
        """A block's output."""
        mean, variance = fused_norm.add_with_moments(x_BTC)[1:] if self.moments is None else self.moments
        y_BTC = fused_norm.modulate(x_BTC, *module.norm1.affine(w_BW, variance, mean))
        attended_BHWC = module.attn(y_BTC.unflatten(1, (module.side, module.side)))
        x_BTC, mean, variance = fused_norm.add_with_moments(x_BTC, attended_BHWC.flatten(1, 2))
        y_BTC = fused_norm.modulate(x_BTC, *module.norm2.affine(w_BW, variance, mean))
        x_BTC, *self.moments = fused_norm.add_with_moments(x_BTC, module.mlp(y_BTC))
        return x_BTC

    def upsample(self, module: "Upsample", x_BTC: Tensor) -> Tensor:
        """An upsampler's output."""
        self.moments = None
        return module(x_BTC)


class FoldedPath:
    """By folded weights and oneDNN's fused products; a level's two blocks share the memory of their projections."""

    def __init__(self) -> None:
        self.held: dict[str, Tensor] = {}

    def take(self, name: str, rows: int, columns: int, like: Tensor) -> Tensor:
        """A matrix of arbitrary content; what had this name is given up."""
        if name not in self.held or self.held[name].numel() < rows * columns:
            self.held.pop(name, None)  # freed before the larger one is taken
            self.held[name] = like.new_empty(rows * columns)
        return self.held[name][: rows * columns].view(rows, columns)

    def block(self, module: "Block", x_BTC: Tensor, w_BW: Tensor) -> Tensor:
        """A block's output, for large maps written over its input."""
        tokens, channels = x_BTC.shape[1:]
        if tokens > module.mlp.fc1.out_features:
            for x_TC, w_1W in zip(x_BTC, w_BW.split(1), strict=True):
                self._folded_block(module, x_TC, w_1W)
            return x_BTC
        x_BHWC = module.norm1(x_BTC, w_BW).unflatten(1, (module.side, module.side))
        x_BTC = x_BTC + module.attn(x_BHWC).flatten(1, 2)
        _mlp(module.norm2(x_BTC, w_BW).view(-1, channels), module.mlp.fc1.weight, module.mlp.fc1.bias, module, x_BTC)
        return x_BTC

    def _folded_block(self, module: "Block", x_TC: Tensor, w_1W: Tensor) -> None:
        attn, (tokens, channels) = module.attn, x_TC.shape
        weight_OC, bias_O = _fold(module.norm1, attn.qkv, x_TC, w_1W)
        qkv_TO = self.take("qkv", tokens, 3 * channels, x_TC)
        torch.addmm(bias_O, x_TC, weight_OC.t(), out=qkv_TO)
        out_TC = self.take("attended", tokens, channels, x_TC)
        attn.attend(qkv_TO.view(1, module.side, module.side, -1), out_TC.view(1, module.side, module.side, -1))
        for x, out in zip(_chunks(x_TC), _chunks(out_TC), strict=True):
            x.copy_(linear_add(out, attn.proj.weight, attn.proj.bias, x))
        _mlp(x_TC, *_fold(module.norm2, module.mlp.fc1, x_TC, w_1W), module, x_TC)

    def upsample(self, module: "Upsample", x_BTC: Tensor) -> Tensor:
        """An upsampler's output, a band of rows at a time; LayerNorm's weights are folded into the projection."""
        return _upsample(module, x_BTC)


def _upsample(module: "Upsample", x_BTC: Tensor) -> Tensor:
    side, (batch, _, channels), out_channels = module.side, x_BTC.shape, module.reduction.out_features
    x_BHWC = x_BTC.unflatten(1, (side, side))
    y_BHWC = x_BTC.new_empty(batch, 2 * side, 2 * side, out_channels)
    weight_OC = module.reduction.weight * module.norm.weight
    bias_O = module.reduction.weight @ module.norm.bias
    codes = module.alpha * module.code_1WC + bias_O, module.alpha * module.code_H1C
    band = max(CHUNK_BYTES // (16 * side * channels * x_BTC.element_size()), 1)
    for first in range(0, side, band):
        last = min(first + band, side)
        above, below = min(first, 1), min(side - last, 1)  # rows of the neighbourhood, cut off again
        for x_HWC, y_HWC in zip(x_BHWC, y_BHWC, strict=True):
            large_HWC = enlarge(x_HWC[None, first - above : last + below])[0]
            large_HWC = large_HWC[2 * above : 2 * (above + last - first)]
            normed = F.layer_norm(large_HWC, (channels,), eps=module.norm.eps)
            target = y_HWC[2 * first : 2 * last]
            torch.add(linear(normed, weight_OC, None), codes[0], out=target).add_(codes[1][2 * first : 2 * last])
    return y_BHWC.flatten(1, 2)


def _mlp(y_TC: Tensor, weight_OC: Tensor, bias_O: Tensor, module: "Block", x: Tensor) -> None:
    """Add the MLP of y to the residual stream x; both may be one."""
    x_TC, second = x.view(-1, y_TC.shape[-1]), module.mlp.fc2
    for y, target in zip(_chunks(y_TC), _chunks(x_TC), strict=True):
        target.copy_(linear_add(linear_gelu(y, weight_OC, bias_O), second.weight, second.bias, target))


def _chunks(x_TC: Tensor) -> tuple[Tensor, ...]:
    return x_TC.split(max(CHUNK_BYTES // (4 * x_TC.shape[1] * x_TC.element_size()), 1))


def _fold(norm: AdaIN, layer: nn.Linear, x_TC: Tensor, w_1W: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias of the layer on raw tokens, that give what it gives on normalised and styled ones."""
    scale_C, shift_C = (value.flatten() for value in norm.affine(w_1W, *moments(x_TC)))
    return layer.weight * scale_C, torch.addmv(layer.bias, layer.weight, shift_C)


def moments(x_TC: Tensor) -> tuple[Tensor, Tensor]:
    """Biased variance and mean over the tokens, each (1, C), in two passes: less work than torch's own kernel makes."""
    mean_1C = x_TC.mean(dim=0, keepdim=True)
    total_1C = torch.zeros_like(mean_1C)
    for x in _chunks(x_TC):
        total_1C += (x - mean_1C).square_().sum(dim=0, keepdim=True)
    return total_1C / len(x_TC), mean_1C
