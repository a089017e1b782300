"""The processor that a number was made on. No torch."""

import os
import platform
from pathlib import Path
from typing import Any


def describe_cpu() -> dict[str, Any]:
    """Name and usable cores of the processor, for a record."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"kind": "cpu", "name": _name(), "cores": cores}


def _name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
