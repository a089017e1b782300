"""The public functions: sizes checked, types made one, a backend chosen.

Shape suffixes: q_BNHWC maps (B batch, N heads, H x W map, C head dimension), bias_NRR (R = 2K - 1), qkv_BHW3NC.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from stylenat.attention import ops
from stylenat.attention.backends import BACKENDS, resolve
from stylenat.core.errors import InputError


class Partition(NamedTuple):
    """Consecutive heads that share a neighborhood."""

    heads: int
    kernel_size: int
    dilation: int


def neighborhood_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    kernel_size: int,
    dilation: int = 1,
    bias: Tensor | None = None,
    scale: float | None = None,
    backend: str = "auto",
) -> Tensor:
    """2-D neighborhood attention with relative position bias (arXiv 2204.07143, 2209.15001).

    Every query attends to kernel_size x kernel_size keys, `dilation` apart, shifted inwards at the borders: see
    `reference` for the definition. Differentiable in all tensors, by `reference`, `tiled` and `triton` twice; under
    autocast q, k and v take its dtype.

    Args:
        q, k, v: (B, heads, H, W, head_dim), one floating dtype and device, any strides.
        kernel_size: odd side of the window.
        dilation: step between a window's positions; kernel_size * dilation must fit into H and W.
        bias: (heads, 2 * kernel_size - 1, 2 * kernel_size - 1), added to the scaled logits, any floating dtype.
        scale: factor on q; None for head_dim ** -0.5.
        backend: 'auto' or a name in BACKENDS.

    Returns:
        (B, heads, H, W, head_dim) in the dtype of q, heads and head_dim innermost in memory.

    Raises:
        InputError: a size does not fit, or the backend can't serve the call; the message names it.
    """
    q, k, v = _autocast([q, k, v])
    if q.ndim != 5 or k.shape != q.shape or v.shape != q.shape:
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise InputError(f"q, k, v have shapes {shapes}, expected one shape (B, heads, H, W, head_dim)")
    partition = Partition(q.shape[1], kernel_size, dilation)
    _check(q, [partition], None if bias is None else [bias])
    return _run([q, k, v], None if bias is None else [bias], [partition], scale, backend)


def hydra_attention(
    qkv: Tensor,
    partitions: Sequence[Partition],
    biases: Sequence[Tensor] | None = None,
    *,
    scale: float | None = None,
    backend: str = "auto",
    out: Tensor | None = None,
) -> Tensor:
    """Neighborhood attention of several partitions of heads at once, on a packed projection.

    Args:
        qkv: (B, H, W, 3, heads, head_dim), as one linear layer gives it; its gradient comes out packed.
        partitions: heads, kernel size and dilation of each, in the order of the heads.
        biases: one a partition, as in `neighborhood_attention`; None for none.
        scale, backend: as in `neighborhood_attention`.
        out: where to put the result, (B, H, W, heads, head_dim) of any strides; only where no gradient is taken.

    Returns:
        (B, H, W, heads, head_dim), contiguous unless it is `out`.

    Raises:
        InputError: as `neighborhood_attention`, or the partitions' heads are not all heads.
    """
    (qkv,) = _autocast([qkv])
    if qkv.ndim != 6 or qkv.shape[3] != 3:
        raise InputError(f"qkv has shape {tuple(qkv.shape)}, expected (B, H, W, 3, heads, head_dim)")
    heads = sum(part.heads for part in partitions)
    if heads != qkv.shape[4]:
        raise InputError(f"the partitions have {heads} heads, expected the {qkv.shape[4]} of qkv")
    _check(ops.split([qkv])[0], partitions, biases)
    result = _run([qkv], biases, partitions, scale, backend, None if out is None else out.permute(0, 3, 1, 2, 4))
    return result.permute(0, 2, 3, 1, 4).contiguous() if out is None else out


def _autocast(maps: Sequence[Tensor]) -> list[Tensor]:
    """The maps in autocast's dtype where it is on; float64 is left alone, as autocast does."""
    kind = maps[0].device.type
    if kind not in ("cpu", "cuda") or not torch.is_autocast_enabled(kind) or maps[0].dtype == torch.float64:
        return list(maps)
    return [x.to(torch.get_autocast_dtype(kind)) for x in maps]


def _run(
    maps: list[Tensor],
    biases: Sequence[Tensor] | None,
    partitions: Sequence[Partition],
    scale: float | None,
    backend: str,
    out: Tensor | None = None,
) -> Tensor:
    scale = maps[0].shape[-1] ** -0.5 if scale is None else float(scale)
    name = _resolved(backend, maps[0].device, maps[0].dtype)
    if BACKENDS[name].fused:
        biases = list(biases or [])
        keep = torch.is_grad_enabled() and any(x.requires_grad for x in (*maps, *biases))
        heads, kernels, dilations = (list(column) for column in zip(*partitions, strict=True))
        if out is None:
            return ops.attend(maps, biases, heads, kernels, dilations, scale, name, keep)[0]
        ops.attend_into(out, maps, biases, heads, kernels, dilations, scale, name)
        return out
    q, k, v = ops.split(maps)
    outputs = [
        BACKENDS[name].module.attend(q[:, part], k[:, part], v[:, part], sizes.kernel_size, sizes.dilation, bias, scale)
        for part, sizes, bias in zip(
            ops.slices([sizes.heads for sizes in partitions]),
            partitions,
            biases or [None] * len(partitions),
            strict=True,
        )
    ]
    return torch.cat(outputs, dim=1) if out is None else torch.cat(outputs, dim=1, out=out)


@torch.compiler.assume_constant_result
def _resolved(backend: str, device: torch.device, dtype: torch.dtype) -> str:
    return resolve(backend, device, dtype)


def _check(q: Tensor, partitions: Sequence[Partition], biases: Sequence[Tensor] | None) -> None:
    if not q.is_floating_point():
        raise InputError(f"q has dtype {q.dtype}, expected a floating one")
    if biases is not None and len(biases) != len(partitions):
        raise InputError(f"found {len(biases)} biases for {len(partitions)} partitions, expected one each")
    for index, (heads, kernel_size, dilation) in enumerate(partitions):
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise InputError(f"kernel_size is {kernel_size}, expected an odd number of at least 1")
        if dilation < 1:
            raise InputError(f"dilation is {dilation}, expected at least 1")
        for axis, length in (("H", q.shape[2]), ("W", q.shape[3])):
            if kernel_size * dilation > length:
                raise InputError(
                    f"kernel_size * dilation is {kernel_size} * {dilation} = {kernel_size * dilation},"
                    f" expected at most {axis} = {length}"
                )
        expected = (heads, 2 * kernel_size - 1, 2 * kernel_size - 1)
        if biases is not None and tuple(biases[index].shape) != expected:
            shape = tuple(biases[index].shape)
            raise InputError(f"bias has shape {shape}, expected (heads, 2K - 1, 2K - 1) = {expected}")
