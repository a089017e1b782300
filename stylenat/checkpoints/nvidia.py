"""One network of ours from a `.pkl` in NVIDIA's layout: which of the file's networks, and what is told of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from stylenat.checkpoints.accept import Rule, take_state
from stylenat.checkpoints.arguments import compare_arguments
from stylenat.checkpoints.persistent import PersistentModule, read_persistent
from stylenat.core.interface import Part
from stylenat.core.snapshot import Imported

ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("G_ema", "G"), "discriminator": ("D",)}  # the first is preferred


def read_network(path: Path, part: Part) -> tuple[str, PersistentModule]:
    """A network of a file, and its name there; of a generator, the average is preferred.

    Raises:
        InputError: the file can't be read without running code, or holds no such network.
    """
    found = read_persistent(path, ENTRIES[part])
    name = next(name for name in ENTRIES[part] if name in found)
    return name, found[name]


def take_network(
    name: str,
    held: PersistentModule,
    network: nn.Module,
    path: Path,
    part: Part,
    rules: Sequence[Rule],
    arguments: Mapping[str, str],
    arch: Any,
) -> Imported:
    """The state of `network` (which may be on meta) from what `read_network` found, with an account of every key.

    arguments: what the file's network was made with -> attribute of `arch`; where both say something, they must agree.

    Raises:
        InputError: it is another network.
    """
    equal = compare_arguments(held.init, arguments, arch, path)
    state, account = take_state(held.state, network, path, part, rules)
    found = {"layout": "pickle of persistent objects", "entry": name, "class": held.class_name, **account}
    return Imported(state, {**found, "arguments": held.init, "arguments_equal_to_card": equal})
