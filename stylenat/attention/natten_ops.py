"""natten's operators, whichever version of natten is installed; importable without it.

From 0.17 on to 0.20 natten has operators with a relative position bias of their own. From 0.20 on it has fused ones
without: there the bias travels as more channels of queries and keys (see `onehot`), exact but for half precision, which
rounds it. On a CPU those releases go through torch's flex attention, uncompiled: forward only, dense in positions.

Shape suffixes: q_BNHWC maps (B batch, N heads, C head dimension), bias_NRR (R = 2K - 1); natten from 0.20 on: BHWNC.
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylenat.attention import onehot
from stylenat.core.errors import InputError

OLDEST = (0, 17)
FUSED = (0, 20)  # without bias from here on
HALF = (torch.bfloat16, torch.float16)
MAX_CPU_CHANNELS = 512
MAX_CPU_POSITIONS = 128 * 128  # at which its table of all pairs takes gigabytes


@lru_cache(maxsize=1)
def version() -> str | None:
    """The installed version of natten, found without importing it; None if there is none."""
    try:
        return metadata.version("natten")
    except metadata.PackageNotFoundError:
        return None


def unavailable(device: torch.device) -> str | None:
    """Why natten can't run on a device, as a clause; None if it can."""
    found = version()
    if found is None:
        return "natten is not installed"
    if _release(found) < OLDEST:
        return f"natten {found} is too old, the oldest that serves is {'.'.join(map(str, OLDEST))}"
    try:
        natten = _import("natten")
    except Exception as error:  # a module built for another torch fails in many ways
        line = str(error).strip().partition("\n")[0]
        return f"natten {found} can't be imported ({type(error).__name__}: {line})"
    with_cuda = natten.HAS_LIBNATTEN if _release(found) >= FUSED else natten.has_cuda()
    if device.type == "cpu" or (device.type == "cuda" and with_cuda):
        return None
    return f"natten {found} has no operators for this device"


def describe() -> str:
    """Version and route, for records: 'natten 0.17.5, its own bias'."""
    found = version()
    if found is None:
        return "natten is not installed"
    route = "fused, bias by one-hot channels" if _release(found) >= FUSED else "unfused, its own bias"
    return f"natten {found}, {route}"


@torch.compiler.disable
def attend(
    q_BNHWC: Tensor,
    k_BNHWC: Tensor,
    v_BNHWC: Tensor,
    kernel_size: int,
    dilation: int,
    bias_NRR: Tensor | None,
    scale: float,
) -> Tensor:
    """The attended map (B, N, H, W, C); sizes have been checked by the caller.

    Raises:
        InputError: this natten can't serve the request on this device; the message says why.
    """
    reason = unavailable(q_BNHWC.device)
    if reason:
        raise InputError(f"attention backend 'natten': {reason}")
    fused = _release(version()) >= FUSED
    _check(q_BNHWC, (q_BNHWC, k_BNHWC, v_BNHWC, bias_NRR), fused)
    run = _attend_fused if fused else _attend_unfused
    return run(q_BNHWC * scale, k_BNHWC, v_BNHWC, kernel_size, dilation, bias_NRR)


def _attend_unfused(q: Tensor, k: Tensor, v: Tensor, kernel_size: int, dilation: int, bias: Tensor | None) -> Tensor:
    """By the operators that hold the scores of all windows in memory."""
    operators = _import("natten.functional")
    sizes = {"kernel_size": kernel_size, "dilation": dilation}
    bias = None if bias is None else bias.to(q.dtype)
    weights = operators.na2d_qk(q, k, rpb=bias, **sizes).softmax(dim=-1)
    return operators.na2d_av(weights.to(v.dtype), v, **sizes)  # under autocast softmax gives float32


def _attend_fused(q: Tensor, k: Tensor, v: Tensor, kernel_size: int, dilation: int, bias: Tensor | None) -> Tensor:
    """By the operator without bias."""
    channels = q.shape[-1]
    q_width = channels if bias is None else channels + kernel_size**2 - 1
    q_width, v_width = _widths(q_width, channels, q.device)
    if bias is not None:
        q, k = onehot.widen(q, k, bias, kernel_size, dilation, pad_to=q_width)
    q, k, v = (_laid_out(x, width) for x, width in ((q, q_width), (k, q_width), (v, v_width)))
    out_BHWNC = _import("natten").na2d(q, k, v, kernel_size=kernel_size, dilation=dilation, scale=1.0)
    return out_BHWNC[..., :channels].permute(0, 3, 1, 2, 4)


def _laid_out(x_BNHWC: Tensor, width: int) -> Tensor:
    """A map in the order of the fused operators, with zeros as further channels."""
    zeros = width - x_BNHWC.shape[-1]
    return (F.pad(x_BNHWC, (0, zeros)) if zeros else x_BNHWC).permute(0, 2, 3, 1, 4).contiguous()


def _widths(q_width: int, v_width: int, device: torch.device) -> tuple[int, int]:
    """Channels of queries and keys, and of values, that natten takes: multiples of 8, on a CPU one power of two."""
    if device.type == "cuda":
        return -(-q_width // 8) * 8, -(-v_width // 8) * 8
    width = max(8, 1 << (q_width - 1).bit_length())
    if width > MAX_CPU_CHANNELS:
        raise InputError(
            f"attention backend 'natten' got {q_width} channels with those of the bias,"
            f" expected at most {MAX_CPU_CHANNELS} on a CPU"
        )
    return width, width


def _check(q: Tensor, inputs: tuple[Tensor | None, ...], fused: bool) -> None:
    on_cpu = q.device.type == "cpu"
    dtypes = {torch.float32}
    dtypes |= set() if fused else {torch.float64}
    dtypes |= set(HALF) if fused or not on_cpu else set()  # in half precision its older CPU operators end the process
    if q.dtype not in dtypes:
        expected = ", ".join(sorted(str(x) for x in dtypes))
        raise InputError(f"attention backend 'natten' got {q.dtype}, expected one of {expected}")
    if not (fused and on_cpu):
        return
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs):
        raise InputError(
            f"attention backend 'natten' has no gradients on a CPU: natten {version()} is forward only there"
        )
    positions = q.shape[2] * q.shape[3]
    if positions > MAX_CPU_POSITIONS:
        raise InputError(
            f"attention backend 'natten' got a map of {q.shape[2]} x {q.shape[3]} = {positions} positions,"
            f" expected at most {MAX_CPU_POSITIONS} on a CPU"
        )


def _release(text: str) -> tuple[int, int]:
    """Major and minor number of a version."""
    major, minor = [*re.findall(r"\d+", text), "0", "0"][:2]
    return int(major), int(minor)


@lru_cache(maxsize=4)
def _import(name: str) -> ModuleType:
    with _as_natten_expects():
        return importlib.import_module(name)


@contextmanager
def _as_natten_expects() -> Iterator[None]:
    """torch.cuda as natten 0.17 needs it to be imported: with a name that is gone, and a capability without a GPU."""
    patched: dict[str, Any] = {}
    if not hasattr(torch.cuda, "_device_t"):
        patched["_device_t"] = Any
    if not torch.cuda.is_available():
        patched["get_device_capability"] = _no_capability
    before = {name: getattr(torch.cuda, name) for name in patched if hasattr(torch.cuda, name)}
    for name, value in patched.items():
        setattr(torch.cuda, name, value)
    try:
        yield
    finally:
        for name in patched:
            if name in before:
                setattr(torch.cuda, name, before[name])
            else:
                delattr(torch.cuda, name)


def _no_capability(*_: Any) -> tuple[int, int]:
    return 0, 0
