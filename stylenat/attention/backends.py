"""The backends, what each needs, and which one 'auto' takes."""

import logging
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import NamedTuple

import torch

from stylenat.attention import flex, fused, natten_ops, reference, tiled
from stylenat.core.device import get_device
from stylenat.core.errors import InputError, nearest

SHOWN = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
log = logging.getLogger("stylenat.attention")


@dataclass(frozen=True)
class Backend:
    """One way to compute the same attention."""

    name: str
    module: ModuleType
    fused: bool  # runs behind the one operator, not through autograd
    summary: str

    def unavailable(self, device: torch.device) -> str | None:
        """Why it can't run on a device, as a clause; None if it can."""
        return self.module.unavailable(device)


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("reference", reference, False, "the plain definition: any device, any dtype"),
        Backend("tiled", tiled, True, "dense tiles in plain PyTorch; the fast path of CPUs"),
        Backend("triton", fused, True, "fused kernels, no score matrix in memory; the fast path of CUDA"),
        Backend("flex", flex, False, "torch's flex_attention; no gradient on a CPU"),
        Backend("natten", natten_ops, False, "natten's operators: 0.17.5 with its bias, from 0.20 on by widened heads"),
    )
}


class Choice(NamedTuple):
    """A backend and why it was taken."""

    name: str
    why: str


def pick(device: torch.device, dtype: torch.dtype) -> Choice:
    """What 'auto' takes for maps on a device, and why; told once to the log of `stylenat.attention`."""
    index = torch.cuda.current_device() if device.type == "cuda" and device.index is None else device.index
    return _pick(device.type, index, dtype)


@cache
def _pick(kind: str, index: int | None, dtype: torch.dtype) -> Choice:
    choice = _choose(torch.device(kind, index), dtype)
    log.info("neighborhood attention on %s in %s: %s (%s)", kind, dtype, *choice)
    return choice


def _choose(device: torch.device, dtype: torch.dtype) -> Choice:
    if device.type == "meta":
        return Choice("tiled", "shapes alone are asked for")
    if device.type == "cpu":
        return Choice("tiled", "the fast path of CPUs")
    if dtype not in fused.DTYPES:
        return Choice("reference", f"the fused kernels have no {str(dtype).removeprefix('torch.')}")
    missing = fused.unavailable(device)
    if missing is not None:
        return Choice("reference", missing)
    fault = _self_check(device, dtype)
    if fault is not None:
        log.warning("the triton backend does not hold the definition on this device: %s; the definition is used", fault)
        return Choice("reference", f"the fused kernels failed their check on this device: {fault}")
    return Choice("triton", "the fast path of CUDA, checked against the definition on this device")


def resolve(backend: str, device: torch.device, dtype: torch.dtype) -> str:
    """The name of the backend to run.

    Raises:
        InputError: it is unknown, or can't run on the device.
    """
    if backend == "auto":
        return pick(device, dtype).name
    if backend not in BACKENDS:
        raise InputError(f"attention backend '{backend}' is unknown; {nearest(backend, ['auto', *BACKENDS])}")
    missing = BACKENDS[backend].unavailable(device)
    if missing is not None:
        raise InputError(f"attention backend '{backend}' can't run on {device.type}: {missing}")
    return backend


def listing(kind: str) -> list[str]:
    """Every backend on a kind of device, tab-separated: name, 'yes' or why not, what it is; last what 'auto' takes.

    Raises:
        InputError: there is no such device on this machine.
    """
    device = get_device(kind)
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device())
    lines = [f"{name}\t{b.unavailable(device) or 'yes'}\t{b.summary}" for name, b in BACKENDS.items()]
    return [
        *lines,
        *(f"auto\t{str(dtype).removeprefix('torch.')}\t{': '.join(pick(device, dtype))}" for dtype in SHOWN),
    ]


# What the check allows: a fault of geometry or bias gives errors of the order of 1.
CHECK_TOLERANCE = {torch.float32: 5e-3, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@torch.inference_mode(False)
def _self_check(device: torch.device, dtype: torch.dtype) -> str | None:
    """Forward and all gradients of a small case on a device against the definition; the fault, or None."""
    rng = torch.Generator().manual_seed(0)
    shape, kernel_size, dilation = (1, 2, 19, 22, 16), 5, 2
    q, k, v, grad_out = torch.randn(4, *shape, generator=rng).to(device, dtype)
    bias = torch.randn(2, 9, 9, generator=rng).to(device)
    sizes = (kernel_size, dilation)
    leaves = [x.double().requires_grad_() for x in (q, k, v, bias)]
    try:
        out, lse = torch.empty_like(q), torch.empty(shape[:-1], device=device)
        grads = [torch.empty_like(x) for x in (q, k, v, bias)]
        with torch.no_grad():
            fused.forward(q, k, v, bias, *sizes, 0.25, out, lse)
            fused.backward(grad_out, q, k, v, bias, out, lse, *sizes, 0.25, *grads)
        with torch.enable_grad():
            expected = reference.attend(*leaves[:3], *sizes, leaves[3], 0.25)
            wanted = [expected.detach(), *torch.autograd.grad(expected, leaves, grad_out.double())]
        errors = [float((a - b).abs().max() / b.abs().max()) for a, b in zip([out, *grads], wanted, strict=True)]
    except Exception as error:  # whatever a compiler or a driver raises: the definition still works
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    worst = max(error if error == error else float("inf") for error in errors)
    return None if worst <= CHECK_TOLERANCE[dtype] else f"relative error {worst:.1e}"
