"""NVIDIA's .pkl files (StyleGAN2-ADA in PyTorch, and StyleGAN-XL, written with dill), read without running anything.

Such a file holds networks as objects, every one with the source of its class, which the authors' loader executes. Here
the pickle is read as data (`pickle_data`), the source stays an unread text, and the tensors are found by walking
through the attributes that all of torch's modules have: _parameters, _buffers and _modules.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from stylenat.checkpoints.persistent_names import DTYPE, NAMES, PERSISTENT, SCALARS
from stylenat.checkpoints.pickle_data import read_pickle
from stylenat.checkpoints.plain import key_text, plain, shown
from stylenat.checkpoints.records import Malformed, Name, Record, Refused
from stylenat.checkpoints.tensors import TensorReader
from stylenat.core.errors import InputError

NETWORKS = ("G", "D", "G_ema")
SHOWN_KEYS = 5
DEEPEST = 64  # modules within one another
MOST_ENTRIES = 100_000  # of all kinds: modules that hold one module many times unfold to more than memory
LONGEST_NAME = 200
NUMBERS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "b1": "?"}


class PersistentModule(NamedTuple):
    """One network of a file."""

    class_name: str
    state: dict[str, Tensor]  # names as in the network's own state_dict; tensors may share memory
    init: dict[str, Any]  # `args` and `kwargs` it was made with, as plain values


def read_persistent(path: Path, names: Iterable[str] = NETWORKS) -> dict[str, PersistentModule]:
    """The networks of those names that a file holds; of others, only the outline is read.

    Raises:
        InputError: the file is none of these, names something else than they do, or holds none of the networks.
    """
    try:
        content = read_pickle(path, NAMES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Refused as error:
        raise InputError(f"{path}: refused: the file {error}, which no such checkpoint needs") from None
    except (Malformed, OSError):
        raise InputError(f"{path}: not a readable pickle of networks") from None
    top = content if isinstance(content, dict) else {}
    found = {name: top[name] for name in names if isinstance(top.get(name), Record)}
    if not found:
        held = ", ".join(sorted(shown(key_text(name)) for name in top)[:SHOWN_KEYS]) or "nothing"
        raise InputError(f"{path}: no networks here: found {held}, expected {' or '.join(names)}")
    del content, top
    return {name: _module(found.pop(name), f"{path}: {name}") for name in list(found)}


def _module(record: Record, label: str) -> PersistentModule:
    class_name, fields = _fields(record, label)
    reader, state = TensorReader(label), {}
    for count, (name, value) in enumerate(_entries(record, label)):
        if count >= MOST_ENTRIES:
            raise InputError(f"{label}: more than {MOST_ENTRIES} entries")
        if value is not None:
            state[name] = reader.read(value, shown(name))
    init = {"args": fields.get("_init_args", ()), "kwargs": fields.get("_init_kwargs", {})}
    return PersistentModule(class_name, state, plain(init, _plain_record))


def _entries(record: Record, label: str) -> Iterator[tuple[str, Any]]:
    """Names and records of tensors, in the order of torch's state_dict; None for what holds no tensor itself."""
    waiting = [("", record)]
    while waiting:
        prefix, module = waiting.pop()
        _, fields = _fields(module, f"{label}: {shown(prefix.rstrip('.')) or 'the network'}")
        unsaved = fields.get("_non_persistent_buffers_set")
        unsaved = unsaved if isinstance(unsaved, set | frozenset) else ()
        for kind in ("_parameters", "_buffers"):
            for name, value in _named(fields, kind, label):
                yield f"{prefix}{name}", None if kind == "_buffers" and name in unsaved else value
        for name, value in reversed(_named(fields, "_modules", label)):
            yield name, None
            if value is not None:
                waiting.append((f"{prefix}{name}.", value))
        if prefix.count(".") > DEEPEST:
            raise InputError(f"{label}: more than {DEEPEST} modules within one another")


def _named(fields: dict[Any, Any], kind: str, label: str) -> list[tuple[str, Any]]:
    held = fields.get(kind)
    if not isinstance(held, dict) or not all(type(name) is str and len(name) <= LONGEST_NAME for name in held):
        raise InputError(f"{label}: {kind} is no dict of names")
    return list(held.items())


def _fields(record: Any, label: str) -> tuple[str, dict[Any, Any]]:
    """The class name and the attributes of an object, persistent or plain."""
    name, fields = (record.name.rpartition(".")[2], record.state) if isinstance(record, Record) else ("", None)
    if isinstance(record, Record) and record.name == PERSISTENT:
        meta = record.args[0] if record.args and isinstance(record.args[0], dict) else {}
        name, fields = meta.get("class_name"), meta.get("state")
    if not isinstance(name, str) or not isinstance(fields, dict):
        raise InputError(f"{label} is no network")
    return name, fields


def _plain_record(value: Any) -> Any:
    """NumPy's scalars as numbers; any other record by its name."""
    if isinstance(value, Name):
        return value.text
    if not isinstance(value, Record):
        return value
    if value.name in SCALARS and len(value.args) == 2:
        kind, data = value.args
        code = kind.args[0] if isinstance(kind, Record) and kind.name == DTYPE and kind.args else None
        layout = NUMBERS.get(code) if isinstance(code, str) else None
        order = kind.state[1] if layout and isinstance(kind.state, tuple) and len(kind.state) > 1 else "|"
        if layout and order in ("<", "|") and type(data) is bytes and len(data) == struct.calcsize(f"<{layout}"):
            return struct.unpack(f"<{layout}", data)[0]
    return value.name
