"""The device that a number was made on, and the backend switches around a measured block."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from stylenat.core.cpu import describe_cpu
from stylenat.core.errors import InputError


def get_device(name: str) -> torch.device:
    """The torch device; 'cuda' without a usable GPU raises InputError."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda' was asked for, but torch finds no usable GPU on this machine")
    return torch.device(name)


def one_of(device: torch.device) -> torch.device:
    """The device of a numbered worker process: each takes a GPU of its own as long as there are enough."""
    if device.type != "cuda":
        return device
    _, _, number = multiprocessing.current_process().name.rpartition("-")
    index = int(number) - 1 if number.isdigit() else 0
    return torch.device("cuda", index % torch.cuda.device_count())


def describe(device: torch.device) -> dict[str, Any]:
    """Name, cores or memory, and driver of a device, for a record."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        memory_gib = round(properties.total_memory / 2**30, 1)
        cudnn = torch.backends.cudnn.version()
        return {"kind": "cuda", "name": properties.name, "memory_gib": memory_gib, "cudnn": cudnn}
    return describe_cpu() | {"torch_threads": torch.get_num_threads()}


def flags() -> dict[str, Any]:
    """The backend switches that change numbers or speed, as they are now."""
    return {
        "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32_cudnn": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def concrete() -> AbstractContextManager[object]:
    """For what is kept between calls: tensors made in the block have numbers, under a mode for tensors without too."""
    module = sys.modules.get("torch._subclasses.fake_tensor")  # slow to import; such modes need it themselves
    return nullcontext() if torch.compiler.is_compiling() or module is None else module.unset_fake_temporarily()


@contextmanager
def backend(*, tf32: bool = False, cudnn_benchmark: bool = False) -> Iterator[dict[str, Any]]:
    """Set the backend switches for a block, yield them for the record, and restore them afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, cudnn_benchmark
    try:
        yield flags()
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
