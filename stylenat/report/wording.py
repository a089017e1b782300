"""Numbers, units and states as a reader wants them."""

import math
import re

from stylenat.core.records import VerdictStatus
from stylenat.report.inert import shown

# status -> (words, sign, what it means); told by words and sign as well as by colour
VERDICTS: dict[str, tuple[str, str, str]] = {
    VerdictStatus.REPRODUCED: ("reproduced", "✓", "the number meets the claim under the claim's own protocol"),
    VerdictStatus.NOT_REPRODUCED: ("not reproduced", "✗", "the number does not meet the claim"),
    VerdictStatus.INCONCLUSIVE: ("inconclusive", "≈", "the error bar straddles the bound"),
    VerdictStatus.NOT_COMPARABLE: ("not comparable", "◇", "measured, but under conditions that allow no judgement"),
    VerdictStatus.NOT_RUN: ("not run", "○", "no measurement to judge, for the reason given"),
}
MEASUREMENTS: dict[str, tuple[str, str]] = {
    "ok": ("ok", "✓"),
    "skipped": ("skipped", "–"),
    "failed": ("failed", "✗"),
    "missing": ("missing", "○"),
}
GRADES = {
    "A": "primary text or file",
    "A-fig": "read off the official figure",
    "B": "faithful copy of a primary table",
    "C": "counted again from the official code",
    "S": "weak secondary source",
    "unconfirmed": "its source was not seen",
}
GRADE_ORDER = list(GRADES)
PREFIXED = {"M parameters": 1e6, "GFLOP": 1e9}
DIGITS = 4  # significant digits of a measured number


def exact(value: float) -> str:
    """A number as it was printed: all its digits, thousands separated."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.10g}" if 1e-4 <= abs(value) < 1e10 else f"{value:.10g}"


def measured(value: float) -> str:
    """A measured number: whole numbers in full, others in four significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if not 1e-4 <= abs(value) < 1e10:
        return f"{value:.{DIGITS - 1}e}"
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def with_unit(value: float, unit: str, printed: bool = False) -> str:
    """A number with its unit; large counts also in millions or billions (G)."""
    if unit == "FLOP":
        return f"{value / 1e9:,.4g} GFLOP"
    text = exact(value) if printed else measured(value)
    if unit == "parameters" and abs(value) >= 1e5:
        return f"{text} parameters ({value / 1e6:.2f} M)"
    if unit in ("", "1"):
        return text
    return f"{text}x" if unit == "x" else f"{text} {unit}"


def without_prefix(value: float, unit: str) -> float:
    """A number in its unit without M or G, so that numbers of one quantity sort as numbers."""
    return value * PREFIXED.get(unit, 1)


def interval(bounds: tuple[float, float] | None) -> str:
    """A 95 % interval, or nothing; the reason beside it says what it speaks of."""
    return "" if bounds is None else f"95 % interval {measured(bounds[0])} to {measured(bounds[1])}"


def mean_text(value: float, spread: float | None, unit: str) -> str:
    """A mean with its standard deviation, both to the second digit of the latter."""
    if spread is None or not 1e-9 < spread < 1e4 or unit == "FLOP":
        return with_unit(value, unit)
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    text = f"{value:,.{decimals}f} ± {spread:.{decimals}f}"
    return text if unit in ("", "1") else f"{text} {unit}"


def seconds(value: float) -> str:
    """A duration, in the unit that fits it."""
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def filled_in(formula: str, inputs: dict[str, float]) -> str:
    """A formula with its numbers in the place of its letters, and typographic signs."""
    text = re.sub(r"[A-Za-z_]\w*", lambda name: exact(inputs[name[0]]) if name[0] in inputs else name[0], formula)
    return text.replace("*", "×").replace(" - ", " − ")


def slug(text: str) -> str:
    """A word for anchors and file names."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100] or "x"


def shorten(text: str, limit: int = 48) -> str:
    """Text cut to fit a figure's label."""
    text = " ".join(shown(text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
