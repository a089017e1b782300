"""Elementwise work around instance norms in as few passes over memory as it needs; for inference, no gradients.

By Triton, for CUDA; under TRITON_INTERPRET=1 also on a CPU, slowly, to test. Importable where Triton is missing.

Shape suffixes: x_BTC tokens (B batch, T tokens, C channels), mean_B1C moments over T.
"""

import importlib.util
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

import torch
from torch import Tensor

from stylenat.core.errors import InputError

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
BLOCK_CHANNELS = 128
BLOCK_ELEMENTS = 2048
# Splits of a sample's tokens: programs enough for any GPU of today, yet so few that one program merges their moments.
PROGRAMS = 2048
MAX_SPLITS = 1024
MERGED_ELEMENTS = 8192


def unavailable(device: torch.device) -> str | None:
    """Why these functions can't run on a device, as a clause; None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if _interpreted() and device.type in ("cpu", "cuda"):
        return None
    if device.type != "cuda" or torch.version.hip:
        return "triton needs a CUDA device, or TRITON_INTERPRET=1 on a CPU"
    return None


def add_with_moments(x_BTC: Tensor, y_BTC: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """x + y in the dtype of x (x itself if there is no y), its mean and biased variance over T (B, 1, C) in float32.

    Raises:
        InputError: a dtype is none of DTYPES.
    """
    x, y = _channels_innermost(x_BTC), None if y_BTC is None else _channels_innermost(y_BTC)
    batch, tokens, channels = x.shape
    total = x if y is None else torch.empty(x.shape, dtype=x.dtype, device=x.device)
    block_c, block_t = _block(channels)
    blocks = -(-channels // block_c)
    splits = max(1, min(MAX_SPLITS, PROGRAMS // (batch * blocks), -(-tokens // block_t)))
    split_tokens = -(-tokens // (splits * block_t)) * block_t
    splits = -(-tokens // split_tokens)
    partials = torch.empty(2, batch, splits, channels, dtype=torch.float32, device=x.device)
    mean, variance = torch.empty(2, batch, 1, channels, dtype=torch.float32, device=x.device)
    kernels = _kernels()
    sizes = (tokens, channels, splits, split_tokens)
    with _on(x.device):
        kernels.sum_with_moments[(batch * splits * blocks,)](
            _tokens(x), None if y is None else _tokens(y), _tokens(total), *partials, *sizes, block_t, block_c
        )
        block_s = 1 << (splits - 1).bit_length()
        narrow = min(32, block_c, MERGED_ELEMENTS // block_s)
        kernels.merge_moments[(batch * -(-channels // narrow),)](*partials, mean, variance, *sizes, block_s, narrow)
    return (x_BTC if y is None else total), mean, variance


def modulate(x_BTC: Tensor, scale_B1C: Tensor, shift_B1C: Tensor) -> Tensor:
    """x * scale + shift in the dtype of x.

    Raises:
        InputError: a dtype is none of DTYPES.
    """
    x, scale, shift = (_channels_innermost(tensor) for tensor in (x_BTC, scale_B1C, shift_B1C))
    batch, tokens, channels = x.shape
    scale, shift = (tensor.expand(batch, 1, channels) for tensor in (scale, shift))
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    block_c, block_t = _block(channels)
    programs = batch * -(-tokens // block_t) * -(-channels // block_c)
    with _on(x.device):
        _kernels().modulate[(programs,)](
            _tokens(x), _tokens(scale), _tokens(shift), _tokens(out), tokens, channels, block_t, block_c
        )
    return out


def _block(channels: int) -> tuple[int, int]:
    """Channels and tokens of a block."""
    block_c = min(BLOCK_CHANNELS, 1 << (channels - 1).bit_length())
    return block_c, BLOCK_ELEMENTS // block_c


def _tokens(x: Tensor) -> tuple[Tensor, int, int]:
    return _kernels().Tokens(x, x.stride(0), x.stride(1))


def _channels_innermost(x: Tensor) -> Tensor:
    """The tensor itself if its channels lie side by side, else a copy that has them so."""
    if x.dtype not in DTYPES:
        raise InputError(f"got {x.dtype}, expected one of {', '.join(str(dtype) for dtype in DTYPES)}")
    return x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Triton starts kernels on the current device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _kernels() -> ModuleType:
    """The kernels; imported late, since Triton may be missing and reads TRITON_INTERPRET when it is imported."""
    from stylenat.nn import norm_kernels

    return norm_kernels


def _interpreted() -> bool:
    from triton.runtime.interpreter import InterpretedFunction

    return isinstance(_kernels().modulate, InterpretedFunction)
