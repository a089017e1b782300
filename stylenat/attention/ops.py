"""The fused backends as one operator: opaque to torch.compile, differentiable, its work counted by formula.

A call attends over one or more partitions of heads. Its maps are q, k and v, or one packed projection of which they
are views, so that the gradient comes out packed as well. Differentiating twice goes through the definition.

Shape suffixes: q_BNHWC maps (B batch, N heads, H x W map, C head dimension), qkv_BHW3NC a packed projection, lse_BNHW.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from stylenat.attention import fused, reference, tiled

KERNELS = {"tiled": tiled, "triton": fused}


def split(maps: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """q, k and v, each (B, N, H, W, C), of a call's maps."""
    q, k, v = maps[0].permute(3, 0, 4, 1, 2, 5) if len(maps) == 1 else maps
    return q, k, v


def slices(heads: Sequence[int]) -> list[slice]:
    """The heads of each partition."""
    return [slice(end - count, end) for count, end in zip(heads, accumulate(heads), strict=True)]


@torch.library.custom_op("stylenat::attend", mutates_args=())
def attend(
    maps: Sequence[Tensor],
    biases: Sequence[Tensor],
    heads: Sequence[int],
    kernel_sizes: Sequence[int],
    dilations: Sequence[int],
    scale: float,
    backend: str,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """The attended map (B, N, H, W, C), channels innermost, and the log-sum-exp (B, N, H, W) if it is to be kept."""
    out, lse = _outputs(split(maps)[0], keep)
    _fill(maps, biases, heads, kernel_sizes, dilations, scale, backend, out, lse if keep else None)
    return out, lse


def _fill(
    maps: Sequence[Tensor],
    biases: Sequence[Tensor],
    heads: Sequence[int],
    kernel_sizes: Sequence[int],
    dilations: Sequence[int],
    scale: float,
    backend: str,
    out: Tensor,
    lse: Tensor | None,
) -> None:
    maps = split(maps)
    for index, part in enumerate(slices(heads)):
        KERNELS[backend].forward(
            *(x[:, part] for x in maps),
            biases[index] if biases else None,
            kernel_sizes[index],
            dilations[index],
            scale,
            out[:, part],
            None if lse is None else lse[:, part],
        )


@torch.library.custom_op("stylenat::attend_into", mutates_args=("out",))
def attend_into(
    out: Tensor,
    maps: Sequence[Tensor],
    biases: Sequence[Tensor],
    heads: Sequence[int],
    kernel_sizes: Sequence[int],
    dilations: Sequence[int],
    scale: float,
    backend: str,
) -> None:
    """`attend` into memory that the caller holds: (B, N, H, W, C); without gradients."""
    _fill(maps, biases, heads, kernel_sizes, dilations, scale, backend, out, None)


@attend_into.register_fake
def _(*_: Any) -> None:
    return None


@attend.register_fake
def _(maps: Sequence[Tensor], *_: Any) -> tuple[Tensor, Tensor]:
    return _outputs(split(maps)[0], _[-1])


def _outputs(q: Tensor, keep: bool) -> tuple[Tensor, Tensor]:
    batch, heads, height, width, channels = q.shape
    # Heads inside the map: the layout that the projection behind needs.
    out = q.new_empty(batch, height, width, heads, channels).permute(0, 3, 1, 2, 4)
    shape = (batch, heads, height, width) if keep else (0,)
    return out, q.new_empty(shape, dtype=torch.promote_types(q.dtype, torch.float32))


@torch.library.custom_op("stylenat::attend_backward", mutates_args=())
def attend_backward(
    grad_out: Tensor,
    maps: Sequence[Tensor],
    biases: Sequence[Tensor],
    out: Tensor,
    lse: Tensor,
    heads: Sequence[int],
    kernel_sizes: Sequence[int],
    dilations: Sequence[int],
    scale: float,
    backend: str,
) -> list[Tensor]:
    """Gradients of the maps, then of the biases, each like its tensor."""
    grads = _gradients(maps, biases)
    sources, targets = split(maps), split(grads[: len(maps)])
    for index, part in enumerate(slices(heads)):
        KERNELS[backend].backward(
            grad_out[:, part],
            *(x[:, part] for x in sources),
            biases[index] if biases else None,
            out[:, part],
            lse[:, part],
            kernel_sizes[index],
            dilations[index],
            scale,
            *(x[:, part] for x in targets),
            grads[len(maps) + index] if biases else None,
        )
    return grads


@attend_backward.register_fake
def _(grad_out: Tensor, maps: Sequence[Tensor], biases: Sequence[Tensor], *_: Any) -> list[Tensor]:
    return _gradients(maps, biases)


def _gradients(maps: Sequence[Tensor], biases: Sequence[Tensor]) -> list[Tensor]:
    return [torch.empty_like(x) for x in (*maps, *biases)]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    maps, biases, *ctx.sizes, ctx.keep = inputs
    ctx.counts = len(maps), len(biases)
    ctx.save_for_backward(*maps, *biases, *output)


def _backward(ctx: Any, grad_out: Tensor, _: Tensor) -> tuple[Any, ...]:
    *tensors, out, lse = ctx.saved_tensors
    count, _ = ctx.counts
    maps, biases = tensors[:count], tensors[count:]
    if torch.is_grad_enabled():  # the gradient is to be differentiated in turn
        grads = _differentiable_gradients(grad_out, maps, biases, *ctx.sizes[:-1])
    else:
        grads = attend_backward(grad_out, maps, biases, out, lse, *ctx.sizes)
    return grads[:count], grads[count:], None, None, None, None, None, None


def _differentiable_gradients(
    grad_out: Tensor,
    maps: Sequence[Tensor],
    biases: Sequence[Tensor],
    heads: Sequence[int],
    kernel_sizes: Sequence[int],
    dilations: Sequence[int],
    scale: float,
) -> list[Tensor]:
    inputs = [x if x.requires_grad else x.detach().requires_grad_() for x in (*maps, *biases)]
    q, k, v = split(inputs[: len(maps)])
    outputs = [
        reference.attend(q[:, part], k[:, part], v[:, part], kernel, dilation, bias, scale)
        for part, kernel, dilation, bias in zip(
            slices(heads), kernel_sizes, dilations, inputs[len(maps) :] or [None] * len(heads), strict=True
        )
    ]
    return list(torch.autograd.grad(torch.cat(outputs, dim=1), inputs, grad_out, create_graph=True))


attend.register_autograd(_backward, setup_context=_setup)


@register_flop_formula(torch.ops.stylenat.attend)
def _count(
    maps: Sequence[Any], biases: Any, heads: Sequence[int], kernel_sizes: Sequence[int], *_: Any, **__: Any
) -> int:
    """Two products of every query with its window; shapes come in the tensors' place."""
    shape = maps[0]
    batch, height, width, channels = (
        (shape[0], shape[1], shape[2], shape[5]) if len(maps) == 1 else (shape[0], *shape[2:])
    )
    pairs = sum(count * kernel**2 for count, kernel in zip(heads, kernel_sizes, strict=True))
    return 4 * batch * height * width * pairs * channels


@register_flop_formula(torch.ops.stylenat.attend_into)
def _count_into(out: Any, maps: Any, biases: Any, *sizes: Any, **_: Any) -> int:
    return _count(maps, biases, *sizes)


@register_flop_formula(torch.ops.stylenat.attend_backward)
def _count_backward(grad_out: Any, maps: Any, biases: Any, out: Any, lse: Any, *sizes: Any, **_: Any) -> int:
    """Five products: the logits again, and four gradients."""
    return _count(maps, biases, *sizes) // 2 * 5
