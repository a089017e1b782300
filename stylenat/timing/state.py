"""The state of a device at a moment: clocks, power, temperature, load. What can't be read says why."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

from stylenat.core.records import now

CPU_INFO = Path("/proc/cpuinfo")
TIMEOUT_SECONDS = 20
# As nvidia-smi calls them -> our name, with its unit.
QUERIES = {
    "name": "name",
    "driver_version": "driver",
    "clocks.sm": "sm_clock_mhz",
    "clocks.mem": "memory_clock_mhz",
    "power.draw": "power_watts",
    "power.limit": "power_limit_watts",
    "temperature.gpu": "temperature_celsius",
    "clocks_throttle_reasons.active": "throttle_reasons",
    "utilization.gpu": "utilization_percent",
    "memory.used": "memory_used_mib",
}
NUMBERS = {name for name in QUERIES.values() if name not in ("name", "driver", "throttle_reasons")}


def read_state(device: torch.device) -> dict[str, Any]:
    """The device's state now; a GPU's comes with that of the CPU that drives it."""
    state = {"time": now(), "cpu": cpu_state()}
    if device.type == "cuda":
        state["gpu"] = gpu_state(str(torch.cuda.get_device_properties(device).uuid))
    return state


def cpu_state() -> dict[str, Any]:
    """Load over the last minute and the cores' mean frequency, where the system tells them."""
    state: dict[str, Any] = {"logical_cores": os.cpu_count()}
    if hasattr(os, "getloadavg"):
        state["load_1_minute"] = os.getloadavg()[0]
    try:
        found = re.findall(r"^cpu MHz\s*:\s*([0-9.]+)", CPU_INFO.read_text(), flags=re.M)
    except OSError:
        found = []
    if found:
        state["mean_frequency_mhz"] = sum(map(float, found)) / len(found)
    return state


def gpu_state(uuid: str) -> dict[str, Any]:
    """What nvidia-smi says of one GPU; the throttle reasons are its bit mask, in hex."""
    identity = uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"
    command = ["nvidia-smi", f"--id={identity}", f"--query-gpu={','.join(QUERIES)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"unreadable": f"nvidia-smi: {type(error).__name__}"}
    values = [value.strip() for value in done.stdout.strip().split(",")]
    if done.returncode != 0 or len(values) != len(QUERIES):
        return {"unreadable": " ".join(f"nvidia-smi: {done.stdout} {done.stderr}".split())}
    return {name: _value(name, value) for name, value in zip(QUERIES.values(), values, strict=True)}


def _value(name: str, text: str) -> float | str | None:
    """A number where one is expected; None where the driver has none to tell."""
    if name not in NUMBERS:
        return text
    try:
        return float(text)
    except ValueError:
        return None
