"""What foreign files say of their making, as JSON takes it: bounded in depth, length and number whatever is nested."""

import argparse
import math
from collections.abc import Callable
from typing import Any

LONGEST_LIST = 64  # longer ones are states of random number generators
LONGEST_DICT = 1000
LONGEST_TEXT = 10_000
WIDEST_INT = 64  # bits
DEEPEST = 6  # dicts and lists within one another
MOST_NESTED = 1000  # lists and dicts in all: those that hold one list many times unfold to more than memory


def plain(value: Any, unwrap: Callable[[Any], Any] = lambda value: value) -> Any:
    """A stored value as JSON takes it: what is neither a plain value nor a list or dict is named by its type.

    unwrap: turns what only its caller knows into plain values, before anything else is tried.
    """
    places = iter(range(MOST_NESTED))

    def visit(value: Any, depth: int) -> Any:
        value = unwrap(value)
        if value is None or isinstance(value, bool | int | float | str):
            return _scalar(value)
        value = vars(value) if isinstance(value, argparse.Namespace) else value
        if isinstance(value, dict | list | tuple) and depth < DEEPEST and next(places, None) is not None:
            if isinstance(value, dict) and len(value) <= LONGEST_DICT:
                return {key_text(key): visit(item, depth + 1) for key, item in value.items()}
            if isinstance(value, list | tuple) and len(value) <= LONGEST_LIST:
                return [visit(item, depth + 1) for item in value]
        sized = isinstance(value, list | tuple) or (isinstance(value, dict) and len(value) > LONGEST_DICT)
        return f"{type(value).__name__} of {len(value)}" if sized else type(value).__name__

    return visit(value, 0)


def key_text(key: Any) -> str:
    """The key of a foreign dict as text; what is no plain value is named by its type."""
    return str(_scalar(key)) if key is None or isinstance(key, bool | int | float | str) else type(key).__name__


def shown(name: str) -> str:
    """A foreign name for a message: one line, not longer than a line."""
    text = name if name.isprintable() else name.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 100 else f"{text[:100]}..."


def _scalar(value: bool | int | float | str | None) -> bool | int | float | str | None:
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return text if len(text) <= LONGEST_TEXT else f"str of {len(text)}"
    if isinstance(value, float):  # NumPy's float64 is one
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, int) and value.bit_length() > WIDEST_INT:
        return type(value).__name__
    return value
