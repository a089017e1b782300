"""Pickles read as data: a machine of their opcodes that makes plain values and records, and calls nothing.

Python's own unpickler, restricted to allowed names, still calls what it lets in and sets attributes of it (BUILD). Five
bytes make it fill gigabytes (LONG_BINPUT), and a nested tuple as a key overflows the C stack. This machine knows the
opcodes that writers of protocols 2 to 5 use, and refuses all others. What it makes is bounded by the file's size.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylenat.checkpoints.machine import CODE, Machine
from stylenat.checkpoints.records import Malformed, Name, Names, Record, key

NUMBERS = {"BININT": "<i", "BININT1": "<B", "BININT2": "<H", "BINFLOAT": ">d"}
TEXTS = {"SHORT_BINUNICODE": 1, "BINUNICODE": 4, "BINUNICODE8": 8}  # bytes of their length
BYTES = {"SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8}
LONGS = {"LONG1": 1, "LONG4": 4}
PUTS, GETS = {"BINPUT": 1, "LONG_BINPUT": 4}, {"BINGET": 1, "LONG_BINGET": 4}
VALUES: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
ZIP = b"PK\x03\x04"
# What a torn or foreign file's bytes make of the steps below.
TORN = (Malformed, IndexError, KeyError, struct.error, UnicodeError, OverflowError, MemoryError)


def read_pickle(path: Path, names: Names) -> Any:
    """The first pickle in a file.

    Raises:
        Refused: it asks for a name or an opcode that is not allowed.
        Malformed: it is torn, or no pickle.
        OSError: the file can't be read.
    """
    with path.open("rb") as stream:
        if stream.peek(len(ZIP)).startswith(ZIP):  # its first letters would be read as an opcode
            raise Malformed("a zip archive")
        try:
            return Machine(stream, path.stat().st_size, names).run(STEPS)
        except TORN as error:
            raise Malformed(str(error)) from None


def _number(layout: str) -> Callable[[Machine], None]:
    parse = struct.Struct(layout)
    return lambda machine: machine.push(parse.unpack(machine.read(parse.size))[0])


def _sized(width: int, convert: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.push(convert(machine.read(machine.number(width))))


def _value(make: Callable[[], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.push(make())


def _get(width: int) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.memo[machine.number(width)])


def _skip(machine: Machine, count: int) -> None:
    machine.read(count)


def _put(width: int) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        machine.memo[machine.number(width)] = machine.stack[-1]

    return step


def _memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _tuple(count: int) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        if len(machine.stack) < count:
            raise Malformed("an empty stack")
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return step


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.to_mark()


def _append(machine: Machine, values: list[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Record):
        target.items.extend(values)
    else:
        raise Malformed("appends to no list")


def _set(machine: Machine, values: list[Any]) -> None:
    target, pairs = machine.stack[-1], list(zip(values[::2], values[1::2], strict=False))
    if len(values) % 2 or not isinstance(target, dict | Record):
        raise Malformed("sets no items of a dict")
    if isinstance(target, Record):
        target.items.extend(pairs)
    else:
        target.update((key(name), value) for name, value in pairs)


def _add(machine: Machine) -> None:
    values, target = machine.to_mark(), machine.stack[-1]
    if not isinstance(target, set):
        raise Malformed("adds to no set")
    target.update(map(key, values))


def _frozenset(machine: Machine) -> None:
    machine.push(frozenset(map(key, machine.to_mark())))


def _global(machine: Machine) -> None:
    module = machine.line()
    machine.push(machine.names.name(module, machine.line()))


def _stack_global(machine: Machine) -> None:
    attribute, module = machine.stack.pop(), machine.stack.pop()
    if type(attribute) is not str or type(module) is not str:
        raise Malformed("a name that is no text")
    machine.push(machine.names.name(module, attribute))


def _call(machine: Machine, count: int) -> None:
    """What REDUCE and NEWOBJ would call becomes a record; a plain container is made."""
    parts = [machine.stack.pop() for _ in range(count)][::-1]
    called, arguments = parts[0], parts[1]
    if not isinstance(called, Name | Record) or not isinstance(arguments, tuple):
        raise Malformed("calls something without a name")
    text = called.text if isinstance(called, Name) else called.name
    if isinstance(called, Name) and text in machine.names.makers:
        machine.push(machine.names.makers[text](arguments))
    else:
        machine.push(Record(text, arguments))


def _build(machine: Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, Record):
        target.state = state
    elif not isinstance(target, dict) or state:  # a dict subclass has attributes of its own, all empty
        raise Malformed("sets the state of no object")


STEPS: dict[bytes, Callable[[Machine], None]] = {
    CODE["PROTO"]: lambda machine: _skip(machine, 1),
    CODE["FRAME"]: lambda machine: _skip(machine, 8),
    CODE["MARK"]: Machine.mark,
    CODE["POP"]: _pop,
    CODE["POP_MARK"]: lambda machine: machine.to_mark().clear(),
    CODE["MEMOIZE"]: _memoize,
    CODE["TUPLE"]: lambda machine: machine.push(tuple(machine.to_mark())),
    CODE["APPEND"]: lambda machine: _append(machine, [machine.stack.pop()]),
    CODE["APPENDS"]: lambda machine: _append(machine, machine.to_mark()),
    CODE["SETITEM"]: lambda machine: _set(machine, [machine.stack.pop() for _ in range(2)][::-1]),
    CODE["SETITEMS"]: lambda machine: _set(machine, machine.to_mark()),
    CODE["ADDITEMS"]: _add,
    CODE["FROZENSET"]: _frozenset,
    CODE["GLOBAL"]: _global,
    CODE["STACK_GLOBAL"]: _stack_global,
    CODE["REDUCE"]: lambda machine: _call(machine, 2),
    CODE["NEWOBJ"]: lambda machine: _call(machine, 2),
    CODE["NEWOBJ_EX"]: lambda machine: _call(machine, 3),
    CODE["BUILD"]: _build,
    **{CODE[name]: _value(make) for name, make in VALUES.items()},
    **{CODE[name]: _number(layout) for name, layout in NUMBERS.items()},
    **{CODE[name]: _sized(width, lambda data: data.decode("utf-8", "surrogatepass")) for name, width in TEXTS.items()},
    **{CODE[name]: _sized(width, bytes) for name, width in BYTES.items()},
    **{
        CODE[name]: _sized(width, lambda data: int.from_bytes(data, "little", signed=True))
        for name, width in LONGS.items()
    },
    **{CODE[f"TUPLE{count}"]: _tuple(count) for count in (1, 2, 3)},
    **{CODE[name]: _put(width) for name, width in PUTS.items()},
    **{CODE[name]: _get(width) for name, width in GETS.items()},
}
