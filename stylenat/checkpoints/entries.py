"""The networks in torch files of the StyleSwin line: `g_ema`, `g` and `d`, at the top or under `state_dicts`."""

from pathlib import Path
from typing import Any, NamedTuple

from stylenat.checkpoints.plain import key_text, shown
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError
from stylenat.core.interface import Part

ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("g_ema", "g"), "discriminator": ("d",)}
SHOWN_KEYS = 5


class Entry(NamedTuple):
    """One network as a file holds it, and what the file says of its making."""

    layout: str  # top level or nested
    name: str  # g_ema, g or d
    state: dict[Any, Any]
    arguments: Any


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
