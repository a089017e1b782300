"""The state of a pickle that is read as data: its bytes, the stack, the marks and the memo."""

from collections.abc import Callable, Mapping
from pickletools import code2op, opcodes
from typing import IO, Any

from stylenat.checkpoints.records import Malformed, Names, Refused

CODE = {opcode.name: opcode.code.encode("latin-1") for opcode in opcodes}
LONGEST_NAME = 1000
MOST_OPCODES = 2_000_000  # ten times what a checkpoint has; one byte of a file can stand for a set of 200 bytes


class Machine:
    """The stack, the marks and the memo of one pickle."""

    def __init__(self, stream: IO[bytes], size: int, names: Names) -> None:
        self.stream, self.left, self.names = stream, size, names
        self.opcodes = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}

    def run(self, steps: Mapping[bytes, Callable[["Machine"], None]]) -> Any:
        """Everything up to STOP, each opcode by its step; what lies on the stack then."""
        while (code := self.read(1)) != CODE["STOP"]:
            step = steps.get(code)
            if step is None:
                raise self.unknown(code)
            self.opcodes += 1
            if self.opcodes > MOST_OPCODES:
                raise Malformed("more opcodes than any checkpoint")
            step(self)
        return self.stack.pop()

    def push(self, value: Any) -> None:
        """Onto the stack above the last mark."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a stack of its own, up to `to_mark`."""
        self.below.append(self.stack)
        self.stack = []

    def read(self, count: int) -> bytes:
        """Exactly so many bytes; more than the file has left are never asked for."""
        if count > self.left:
            raise Malformed("the file ends early")
        self.left -= count
        data = self.stream.read(count)
        if len(data) != count:
            raise Malformed("the file ends early")
        return data

    def number(self, width: int) -> int:
        """An unsigned number of `width` bytes."""
        return int.from_bytes(self.read(width), "little")

    def line(self) -> str:
        """A name up to the end of its line."""
        data = self.stream.readline(LONGEST_NAME)
        self.left -= len(data)
        if not data.endswith(b"\n"):
            raise Malformed("a name without an end")
        return data[:-1].decode("utf-8")

    def to_mark(self) -> list[Any]:
        """All above the last mark, which goes with them."""
        above, self.stack = self.stack, self.below.pop()
        return above

    def unknown(self, code: bytes) -> Exception:
        """Why an opcode isn't carried out; where it refers to something, by that name."""
        opcode = code2op.get(code.decode("latin-1"))
        if opcode is None:
            return Malformed("no opcode")
        if opcode.name == "INST":
            name = self.names.name(self.line(), self.line())
            return Refused(f"makes '{name.text}' by the opcode INST")
        return Refused(f"has the pickle opcode {opcode.name}")
