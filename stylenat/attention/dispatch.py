"""The public function: sizes checked, a backend chosen.

Shape suffixes as in `reference`.
"""

from collections.abc import Callable

import torch

from stylenat.attention import reference, tiled
from stylenat.core.errors import InputError, nearest

BACKENDS: dict[str, Callable[..., torch.Tensor]] = {"reference": reference.attend, "tiled": tiled.attend}


def neighborhood_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    kernel_size: int,
    dilation: int = 1,
    bias: torch.Tensor | None = None,
    scale: float | None = None,
    backend: str = "auto",
) -> torch.Tensor:
    """2-D neighborhood attention with relative position bias.

    Args:
        q, k, v: (B, heads, H, W, head_dim), one floating dtype.
        kernel_size: odd side of the window.
        dilation: step between a window's positions; kernel_size * dilation must fit into H and W.
        bias: (heads, 2 * kernel_size - 1, 2 * kernel_size - 1), added to the scaled logits; None for none.
        scale: factor on q; None for head_dim ** -0.5.
        backend: 'auto' or a name in BACKENDS.

    Returns:
        (B, heads, H, W, head_dim) in the dtype of q.

    Raises:
        InputError: a size does not fit; the message names it.
    """
    _check(q, k, v, kernel_size, dilation, bias)
    name = default_backend(q) if backend == "auto" else backend
    if name not in BACKENDS:
        raise InputError(f"attention backend '{backend}' is unknown; {nearest(backend, ['auto', *BACKENDS])}")
    return BACKENDS[name](q, k, v, kernel_size, dilation, bias, q.shape[-1] ** -0.5 if scale is None else scale)


def default_backend(q: torch.Tensor) -> str:
    """What 'auto' takes: `tiled` on a CPU, elsewhere the definition (also on meta, where FLOPs are counted)."""
    return "tiled" if q.device.type == "cpu" else "reference"


def _check(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, kernel_size: int, dilation: int, bias: torch.Tensor | None
) -> None:
    if q.ndim != 5 or k.shape != q.shape or v.shape != q.shape:
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise InputError(f"q, k, v have shapes {shapes}, expected one shape (B, heads, H, W, head_dim)")
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
    expected = (q.shape[1], 2 * kernel_size - 1, 2 * kernel_size - 1)
    if bias is not None and tuple(bias.shape) != expected:
        raise InputError(f"bias has shape {tuple(bias.shape)}, expected (heads, 2K - 1, 2K - 1) = {expected}")
