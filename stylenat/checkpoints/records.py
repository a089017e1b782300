"""What a pickle asks for, as records: nothing here is looked up, called or made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Malformed(ValueError):
    """The bytes are no pickle that a checkpoint's writer writes."""


class Refused(Exception):
    """A file asks for something that no checkpoint needs; the text says what, in one line."""


@dataclass(eq=False, slots=True, repr=False)
class Name:
    """A class or function that a file refers to, by its dotted name alone."""

    text: str


@dataclass(eq=False, slots=True, repr=False)
class Record:
    """A call or an object as a file describes it: the name, the arguments and the state; it stays a description."""

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)  # what was appended or set, for subclasses of lists and dicts


Maker = Callable[[tuple[Any, ...]], Any]  # arguments to a plain value; may raise Malformed

KEYS = (type(None), bool, int, float, str, bytes, Name, Record)


def key(value: Any) -> Any:
    """A value as a dict or set may hold it; hashing a deeply nested tuple would overflow the C stack."""
    if type(value) not in KEYS:
        raise Malformed(f"found a {type(value).__name__} as a key")
    return value


@dataclass(frozen=True)
class Names:
    """The names that a file may refer to; every one becomes a record, but for those of plain values."""

    makers: Mapping[str, Maker]  # plain containers and text, made here without the class of that name
    exact: frozenset[str]
    packages: tuple[str, ...]  # any plain name in modules of these

    def name(self, module: str, attribute: str) -> Name:
        """The name as an inert object.

        Raises:
            Refused: it is none of these.
        """
        text = f"{module}.{attribute}"
        inside = any(module == package or module.startswith(f"{package}.") for package in self.packages)
        if text in self.makers or text in self.exact or (inside and attribute.isidentifier()):
            return Name(text)
        raise Refused(f"names '{_one_line(text)}'")


def _one_line(text: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "._<>" else "?" for sign in text[:100])
