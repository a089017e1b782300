"""Official StyleNAT files opened without running code from them, and the network that is looked for in them."""

import argparse
import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from stylenat.core.errors import InputError
from stylenat.core.interface import Part

# Every class that official files hold besides tensors and plain values, one by one.
ALLOWED = [argparse.Namespace, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType]
SCALAR, OLD_SCALAR = np._core.multiarray.scalar, "numpy.core.multiarray.scalar"  # as older NumPy named it
REFUSED = re.compile(r"[Uu]nsupported (?:global: )?GLOBAL ([\w.]*\w)")
# What torch's reader lets through of a torn or foreign file's bytes.
UNREADABLE = (pickle.UnpicklingError, struct.error, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError)
UNREADABLE += (AttributeError, AssertionError)
ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("g_ema", "g"), "discriminator": ("d",)}
SHOWN_KEYS = 5


class Entry(NamedTuple):
    """One network as a file holds it, and what the file says of its making."""

    layout: str  # top level or nested
    name: str  # g_ema, g or d
    state: dict[Any, Any]
    arguments: Any


def read_file(path: Path) -> Any:
    """Everything in a torch file, with only the allowed classes; anything else raises InputError with its name."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([*ALLOWED, SCALAR, (SCALAR, OLD_SCALAR)]):
            warnings.simplefilter("ignore", UserWarning)  # torch's advice to its own users on odd files
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UNREADABLE as error:
        named = REFUSED.search(str(error))
        if named:
            raise InputError(f"{path}: refused: the file names '{named[1]}', which no such checkpoint needs") from None
        raise InputError(f"{path}: not a readable torch checkpoint") from None


def read_entry(path: Path, part: Part) -> Entry:
    """The entry of one network in either layout; of a generator, the average is preferred.

    Raises:
        InputError: the file can't be read without running code, or holds no such network.
    """
    content = read_file(path)
    top = content if isinstance(content, dict) else {}
    nested = isinstance(top.get("state_dicts"), dict)
    states = top["state_dicts"] if nested else top
    for name in ENTRIES[part]:
        if isinstance(states.get(name), dict):
            return Entry("nested" if nested else "top level", name, states[name], top.get("args"))
    held = ", ".join(sorted(map(str, states))[:SHOWN_KEYS]) or "nothing"
    raise InputError(f"{path}: no {part} here: found {held}, expected {' or '.join(ENTRIES[part])}")
