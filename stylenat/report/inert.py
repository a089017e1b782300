"""Text of records and cards that can do nothing where it is shown: not to a terminal, a page or a spreadsheet."""

import json
from typing import Any

FORMULA_SIGNS = ("=", "+", "-", "@")  # what a spreadsheet takes for a formula at the start of a cell


def plain(text: str) -> str:
    """Text on one line, in which control characters and marks of writing direction are spelt out, as in `\\x1b`."""
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in line)


def csv_cell(value: object) -> str:
    """One cell: numbers in full, nothing for None, and text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = plain(str(value))
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def json_text(value: Any, indent: int = 2) -> str:
    """JSON in printable ASCII without HTML's signs, which says the same as any other JSON of the value."""
    text = json.dumps(value, indent=indent, ensure_ascii=True, allow_nan=False)
    for sign in "<>&\x7f":  # these stand in strings only
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text + "\n"
