"""A comparison of two campaigns as plain text for a terminal, and as Markdown."""

from stylenat.report.compare import Comparison, Side
from stylenat.report.compare_lines import HEADINGS, about, lines, side_text
from stylenat.report.inert import plain
from stylenat.report.markdown import escape, table

TITLE = "Two campaigns, claim by claim"


def render_text(found: Comparison) -> str:
    """Plain text: sections, claims, and indented lines of what is said of them."""
    parts = [TITLE, *(plain(line) for line in about(found)), ""]
    for depth, text in lines(found):
        shown = plain(text)
        if depth < 2:
            parts += ["", shown if depth else shown.upper()]
        else:
            parts.append("  " * (depth - 1) + shown)
    return "\n".join(parts).replace("\n\n\n", "\n\n") + "\n"


def render_markdown(found: Comparison) -> str:
    """Markdown: a table of all claims, then the sections."""
    headers = ["Claim", "A", "B", "Change"]
    rows = [[c.name, _short(c.a), _short(c.b), HEADINGS[c.change]] for c in found.claims]
    shown = table(headers, [[_inert(cell) for cell in row] for row in rows])
    parts = [f"# {TITLE}", "", *(f"- {_inert(line)}" for line in about(found)), "", shown]
    for depth, text in lines(found):
        if depth < 2:
            parts += ["", "#" * (depth + 2) + f" {_inert(text)}", ""]
        else:
            parts.append("  " * (depth - 2) + f"- {_inert(text)}")
    return "\n".join(parts).replace("\n\n\n", "\n\n") + "\n"


def _inert(text: str) -> str:
    return escape(plain(text))


def _short(side: Side | None) -> str:
    return "no such claim" if side is None else side_text(side)
