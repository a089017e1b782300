"""What ends a command in one line: a user's mistake, or work that stopped in good order."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What a user gave can't be used; the message says what was found, what was expected, and where."""


class Unfinished(Exception):
    """Work that stopped in good order before its end: the same command goes on with it. The message says why."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """A clause that names the nearest valid word, or lists the valid words when none is near."""
    words = sorted(valid)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"valid: {', '.join(words) or 'none'}"
