"""Precisions: which a device has, and the switches around a measured block.

fp32 and tf32 differ in the products of float32 numbers alone. Under bf16 and fp16 each call runs in an autocast of its
own, so that the weights' conversion is a part of it for every network alike, and what autocast leaves in float32 is
computed without TF32.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from stylenat.core.device import backend
from stylenat.timing.settings import Settings

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
AMPERE = (8, 0)  # compute capability of the first GPUs with TF32 and bf16 units


def unavailable(precision: str, device: torch.device) -> str | None:
    """Why a device can't be measured at a precision, or None."""
    if device.type != "cuda":
        return f"{precision} exists on CUDA GPUs only" if precision in ("tf32", "fp16") else None
    found = torch.cuda.get_device_capability(device)
    if precision in ("tf32", "bf16") and found < AMPERE:
        return f"{precision} needs compute capability 8.0, this GPU has {found[0]}.{found[1]}"
    return None


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """What one call runs in."""
    if precision not in AUTOCAST:
        return nullcontext()
    return torch.autocast(device.type, dtype=AUTOCAST[precision])


@contextmanager
def switches(settings: Settings) -> Iterator[dict[str, Any]]:
    """The backend as a protocol wants it, restored afterwards; yields what a record should hold of it."""
    with backend(tf32=settings.precision == "tf32", cudnn_benchmark=settings.cudnn_benchmark) as flags:
        yield {**flags, "precision": settings.precision, "compiled": settings.compiled}
