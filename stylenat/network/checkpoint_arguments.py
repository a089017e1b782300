"""Which of the arguments in official checkpoints mean what in a model card's `arch`.

Files of the nested layout hold the whole run configuration as a dict, whose `runs` is the published run file: there the
meaning of a key is certain. Of the Namespace in files of the other layout only `size` is known; the rest is recorded,
not compared.
"""

from pathlib import Path
from typing import Any

from stylenat.checkpoints.arguments import compare_arguments, whole_number
from stylenat.core.interface import Part
from stylenat.network.config import Arch

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
        "runs.discriminator.channel_multiplier": "discriminator_multiplier",
    },
}
BY_LEVEL = ("kernel_sizes", "dilations")


def check_arguments(arguments: Any, arch: Arch, part: Part, path: Path) -> list[str]:
    """The names of the stored arguments that the arch was compared with, and equals.

    Raises:
        InputError: one of them contradicts the arch; both values are named.
    """

    def readable(value: Any, ours: str) -> Any:
        return _levels(value, arch.levels) if ours in BY_LEVEL else whole_number(value, ours)

    return compare_arguments(arguments, NAMES[part], arch, path, readable, _meaning)


def _levels(value: Any, count: int) -> list[list[int]] | None:
    """A list by level as the run file has it, levels beyond the network's cut off; None for anything else."""
    if not isinstance(value, list) or len(value) < count:
        return None
    levels = value[:count]
    sound = all(isinstance(level, list) and level and all(type(n) is int for n in level) for level in levels)
    return levels if sound else None


def _meaning(value: Any, ours: str) -> Any:
    """What a value makes of the network: 4 x 4 px ignores its window, and one number may stand for all partitions."""
    if ours not in BY_LEVEL:
        return value
    levels = [level if isinstance(level, list) else [level] for level in value[1:]]
    return [level[:1] if len(set(level)) == 1 else level for level in levels]
