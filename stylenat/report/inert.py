"""Text of records and cards that can do nothing where it is shown: not to a terminal, a page or a spreadsheet."""

import json
import re
from collections.abc import Mapping
from typing import Any

# Control characters but for tab and line ends; marks that order or hide text: U+202E turns all that comes after it.
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
FORMULA_SIGNS = ("=", "+", "-", "@")  # what a spreadsheet takes for a formula at the start of a cell


def plain(text: str) -> str:
    """Text on one line, in which control characters and marks of writing direction are spelt out, as in `\\x1b`."""
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in line)


def shown(text: str) -> str:
    """Text for a page, a table or a figure: what has no sign, or turns the direction of what follows, is spelt out."""
    return UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


def csv_cell(value: object) -> str:
    """One cell: numbers in full, nothing for None, and text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    return no_formula(plain(str(value)))


def no_formula(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that looks like one, behind an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(FORMULA_SIGNS) else value


def json_text(value: Any) -> str:
    """JSON in printable ASCII without HTML's signs, which says the same as any other JSON of the value."""
    return _without_signs(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)) + "\n"


def json_rows(value: Mapping[str, Any]) -> str:
    """As `json_text`, of a mapping whose long values are lists: a line for each of their items."""

    def lines(part: Any) -> str:
        if not isinstance(part, list) or not part:
            return json.dumps(part, ensure_ascii=True, allow_nan=False)
        return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=True, allow_nan=False) for item in part) + "\n]"

    return _without_signs(
        "{\n" + ",\n".join(f"{json.dumps(key)}: {lines(part)}" for key, part in value.items()) + "\n}\n"
    )


def _without_signs(text: str) -> str:
    for sign in "<>&\x7f":  # these stand in strings only
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
