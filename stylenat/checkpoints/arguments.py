"""The arguments that a checkpoint stores, against a model card's `arch`: where a meaning is certain, it must agree."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stylenat.core.errors import InputError


def whole_number(value: Any, _: str) -> int | None:
    """A stored value that is a whole number; None for any other, which is not compared."""
    return value if type(value) is int else None


def compare_arguments(
    arguments: Any,
    names: Mapping[str, str],
    arch: Any,
    path: Path,
    readable: Callable[[Any, str], Any] = whole_number,
    meaning: Callable[[Any, str], Any] = lambda value, _: value,
) -> list[str]:
    """The names of the stored arguments that the arch was compared with, and equals.

    names: stored name (dots lead into dicts) -> attribute of `arch`.
    readable: a stored value, and that attribute's name, to the form that the arch has; None where it can't be compared.
    meaning: either side's value to what it makes of the network; two spellings of one network are equal.

    Raises:
        InputError: one of them contradicts the arch; both values are named.
    """
    equal, clauses = [], []
    for name, ours in names.items():
        found, expected = readable(_look_up(arguments, name), ours), getattr(arch, ours)
        if found is None:
            continue
        if meaning(found, ours) == meaning(expected, ours):
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
