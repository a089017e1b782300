"""The arguments that official checkpoints store: as plain values, and against a model card's `arch`.

Files of the nested layout hold the whole run configuration as a dict, whose `runs` is the published run file: there the
meaning of a key is certain. Of the Namespace in files of the other layout only `size` is known; the rest is recorded,
not compared.
"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.network.config import Arch

LONGEST_LIST = 64  # longer ones are states of random number generators
DEEPEST = 6  # dicts and lists within one another
# Stored name -> name in `arch`, by the network that it decides.
NAMES: dict[Part, dict[str, str]] = {
    "generator": {
        "size": "resolution",
        "runs.size": "resolution",
        "runs.generator.channel_multiplier": "channel_multiplier",
        "runs.generator.min_heads": "min_heads",
        "runs.generator.style_dim": "style_dim",
        "runs.generator.n_mlp": "mapping_layers",
        "runs.generator.kernels": "kernel_sizes",
        "runs.generator.dilations": "dilations",
    },
    "discriminator": {
        "size": "resolution",
        "runs.size": "resolution",
        "runs.discriminator.channel_multiplier": "channel_multiplier",
    },
}


def plain(value: Any, depth: int = 0) -> Any:
    """Stored arguments as JSON takes them: what is neither a plain value nor a list or dict is named by its type."""
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, float):  # NumPy's float64 is one
        return float(value) if math.isfinite(value) else str(float(value))
    value = vars(value) if isinstance(value, argparse.Namespace) else value
    if depth < DEEPEST and isinstance(value, dict):
        return {plain(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if depth < DEEPEST and isinstance(value, list | tuple) and len(value) <= LONGEST_LIST:
        return [plain(item, depth + 1) for item in value]
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, list | tuple) else type(value).__name__


def check_arguments(arguments: Any, arch: Arch, part: Part, path: Path) -> list[str]:
    """The names of the stored arguments that the arch was compared with, and equals.

    Raises:
        InputError: one of them contradicts the arch; both values are named.
    """
    equal, clauses = [], []
    for name, ours in NAMES[part].items():
        found, expected = _comparable(_look_up(arguments, name), ours, arch), getattr(arch, ours)
        if found is None:
            continue
        if _meaning(found, ours, arch) == _meaning(expected, ours, arch):
            equal.append(name)
        else:
            clauses.append(f"{name} is {found}, {ours} on the card is {expected}")
    if clauses:
        raise InputError(f"{path}: the arguments stored there contradict the model card: {'; '.join(clauses)}")
    return equal


def _look_up(arguments: Any, name: str) -> Any:
    for key in name.split("."):
        arguments = arguments.get(key) if isinstance(arguments, Mapping) else None
    return arguments


def _comparable(value: Any, ours: str, arch: Arch) -> Any:
    """A stored value in the form that its key has in the run file, levels beyond the network's cut off; else None."""
    if ours not in ("kernel_sizes", "dilations"):
        return value if type(value) is int else None
    if not isinstance(value, list) or len(value) < arch.levels:
        return None
    levels = value[: arch.levels]
    sound = all(isinstance(level, list) and level and all(type(n) is int for n in level) for level in levels)
    return levels if sound else None


def _meaning(value: Any, ours: str, arch: Arch) -> Any:
    """What a value makes of the network: 4 x 4 px ignores its window, and one number may stand for all partitions."""
    if ours not in ("kernel_sizes", "dilations"):
        return value
    levels = [level if isinstance(level, list) else [level] for level in value[1:]]
    return [level[:1] if len(set(level)) == 1 else level for level in levels]
