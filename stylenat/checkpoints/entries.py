"""The networks in torch files of the StyleSwin line: `g_ema`, `g` and `d`, at the top or under `state_dicts`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from stylenat.checkpoints.accept import Renaming, Rule, take_state
from stylenat.checkpoints.plain import key_text, plain, shown
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.core.snapshot import Imported

ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("g_ema", "g"), "discriminator": ("d",)}
SHOWN_KEYS = 5


class Entry(NamedTuple):
    """One network as a file holds it, and what the file says of its making."""

    layout: str  # top level or nested
    name: str  # g_ema, g or d
    state: dict[Any, Any]
    arguments: Any


def import_entry(
    path: Path,
    part: Part,
    make: Callable[[], nn.Module],
    check: Callable[[Any], list[str]],
    rules: Sequence[Rule],
    rename: Renaming,
) -> tuple[Imported, Entry]:
    """The state of the network that `make` builds from the entry of its part, with an account of it; and that entry.

    check: compares the stored arguments with the card; the names of those that are equal.

    Raises:
        InputError: the file can't be read without running code, holds no such network, or holds another one.
    """
    entry = read_entry(path, part)
    arguments = plain(entry.arguments)
    equal = check(arguments)
    with torch.device("meta"):
        network = make()
    state, account = take_state(entry.state, network, path, part, rules, rename)
    found = {"layout": entry.layout, "entry": entry.name, **account}
    return Imported(state, {**found, "arguments": arguments, "arguments_equal_to_card": equal}), entry


def read_entry(path: Path, part: Part) -> Entry:
    """The entry of one network in either layout; of a generator, the average is preferred.

    Raises:
        InputError: the file can't be read without running code, or holds no such network.
    """
    content = read_torch_file(path)
    top = content if isinstance(content, dict) else {}
    nested = isinstance(top.get("state_dicts"), dict)
    states = top["state_dicts"] if nested else top
    for name in ENTRIES[part]:
        if isinstance(states.get(name), dict):
            return Entry("nested" if nested else "top level", name, states[name], top.get("args"))
    held = ", ".join(sorted(shown(key_text(key)) for key in states)[:SHOWN_KEYS]) or "nothing"
    raise InputError(f"{path}: no {part} here: found {held}, expected {' or '.join(ENTRIES[part])}")
