"""Images a second of a generator: each call timed alone, between two synchronisations.

Shape suffixes: z_BZ latents.
"""

import statistics
import time
from typing import Any

import torch

from stylenat.core.device import backend
from stylenat.core.errors import InputError
from stylenat.core.seeds import latents
from stylenat.metrics._result import Result, check_flag, check_integer

NEEDS = "model"
NEEDS_VALUES = True
UNIT = "images/s"
DIRECTION = "higher"
VERSION = 1
PARAMETERS = frozenset({"batch_size", "warmup", "rounds", "tf32", "cudnn_benchmark"})


def compute(
    generator: torch.nn.Module,
    *,
    batch_size: int,
    warmup: int,
    rounds: int,
    tf32: bool = False,
    cudnn_benchmark: bool = False,
) -> Result:
    """Batch size over the median time of a call, on the device where the generator lies.

    Latents are drawn before the clock starts, and images stay float: neither is timed. Every round is kept.

    Raises:
        InputError: a parameter has a bad value, or the generator is conditional.
    """
    _check(generator, batch_size, warmup, rounds, tf32, cudnn_benchmark)
    device = _device_of(generator)
    with torch.inference_mode(), backend(tf32=tf32, cudnn_benchmark=cudnn_benchmark) as flags:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = [_round(generator, index, batch_size, device) for index in range(warmup + rounds)]
    timed = seconds[warmup:]
    median = statistics.median(timed)
    details = {
        "batch_size": batch_size,
        "warmup_seconds": seconds[:warmup],
        "round_seconds": timed,
        "median_seconds": median,
        "iqr_seconds": _iqr(timed),
        "timed": "the generator's call, float images; latents and the conversion to uint8 are outside",
        "memory": _memory(device),
    }
    return Result(batch_size / median, details, flags)


def _check(
    generator: torch.nn.Module, batch_size: int, warmup: int, rounds: int, tf32: bool, cudnn_benchmark: bool
) -> None:
    check_integer("throughput", "batch_size", batch_size, 1)
    check_integer("throughput", "warmup", warmup, 0)
    check_integer("throughput", "rounds", rounds, 1)
    check_flag("throughput", "tf32", tf32)
    check_flag("throughput", "cudnn_benchmark", cudnn_benchmark)
    if generator.spec.num_classes:
        raise InputError("metric 'throughput': the generator is conditional; only unconditional ones are timed")


def _device_of(network: torch.nn.Module) -> torch.device:
    tensors = [*network.parameters(), *network.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")


def _round(generator: torch.nn.Module, index: int, batch_size: int, device: torch.device) -> float:
    """Seconds of one call, with latents of its own."""
    start_row = index * batch_size
    z_BZ = latents(0, range(start_row, start_row + batch_size), generator.spec.z_dim, "throughput").to(device)
    _synchronize(device)
    start = time.perf_counter()
    generator(z_BZ)
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _iqr(seconds: list[float]) -> float | None:
    """Distance of the quartiles; None for a single round."""
    if len(seconds) < 2:
        return None
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return high - low


def _memory(device: torch.device) -> dict[str, Any]:
    """Peak memory of the device, weights included; only a GPU tells it."""
    if device.type != "cuda":
        return {}
    return {"peak_allocated_bytes": torch.cuda.max_memory_allocated(device)}
