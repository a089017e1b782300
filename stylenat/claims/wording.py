"""Numbers and rules in words that a reader who has not seen the code understands."""

from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, ClaimKind, Published
from stylenat.core.estimates import Estimate
from stylenat.core.records import ReadingResult, VerdictStatus

# Grades that a verdict must not rest on silently.
WEAK_GRADES = {
    "A-fig": "read off a figure",
    "S": "only in a weak secondary source",
    "unconfirmed": "its source was not seen",
}
STRADDLE = "inconclusive if the 95 % interval straddles that bound"
ONE_RUN = "A single run is judged by its own standard error."
FILTERS = "Inconclusive if another measured resize filter of the reals gives the opposite verdict."
NOT_RANKED = "Inconclusive if a model lies outside its controls, real images and noise."
PAIRED = "Models timed in the same sessions are paired: the mean of their differences, or of the logarithms of ratios."


def number(value: float) -> str:
    """A number for a sentence: four decimals at most, thousands separated, tiny ones in two digits."""
    if value == round(value) or abs(value) >= 1e4:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.2g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


def with_unit(value: float, unit: str) -> str:
    """A number and its unit; a plain `1` is no unit worth saying."""
    return number(value) if unit in ("", "1") else f"{number(value)} {unit}"


def interval_text(estimate: Estimate, noun: str = "interval") -> str:
    """The interval in brackets with what it speaks of, or nothing for an exact number."""
    if estimate.interval is None:
        return ""
    low, high = estimate.interval
    return f" (95 % {noun} {estimate.basis}: {number(low)} to {number(high)})"


def status_words(status: VerdictStatus) -> str:
    """A verdict's status, within a sentence."""
    return str(status).replace("_", " ")


def rule_of(claim: ClaimCard, protocol: ProtocolCard | None = None) -> str:
    """The rule of a claim's kind, with the claim's own numbers and what its protocol adds."""
    parts = [_RULES[claim.kind](claim), f"Tolerance: {claim.tolerance_reason}." if claim.tolerance_reason else ""]
    if protocol is not None and protocol.on_images:
        parts += [ONE_RUN, *_on_images(claim)]
    if protocol is not None and protocol.timed and claim.reference:
        parts.append(PAIRED)
    return " ".join(part for part in parts if part)


def _on_images(claim: ClaimCard) -> list[str]:
    """What a claim of the paper adds where numbers hang on real images: controls, and the filter of the reals."""
    if claim.about != "paper":
        return []
    if claim.kind in (ClaimKind.VALUE, ClaimKind.AT_MOST):
        return [FILTERS]
    return [] if claim.kind == ClaimKind.RATIO else [NOT_RANKED]


def _value(claim: ClaimCard) -> str:
    expected, tolerance = number(claim.expected), number(claim.tolerance)
    if claim.published_sd is not None:
        sd = number(claim.published_sd)
        return (
            f"The mean over seeds is compared with one published draw, {expected}, of standard deviation {sd}: "
            f"SE_diff = sqrt(SE^2 + {sd}^2). Not reproduced if the difference is larger than 2 SE_diff; otherwise "
            f"reproduced if 2 SE_diff is at most {tolerance}, inconclusive if it is wider."
        )
    return (
        f"Reproduced if the measured number lies within {expected} +- {tolerance}; with several seeds the whole 95 % "
        f"interval of the mean must; not reproduced if it lies outside; inconclusive if the interval straddles a limit."
    )


def _at_most(claim: ClaimCard) -> str:
    return f"Reproduced if the measured number does not exceed {number(claim.expected)}; {STRADDLE}."


def _less_than(claim: ClaimCard) -> str:
    return (
        f"Reproduced if {claim.subject} is below each of {', '.join(claim.reference)}: the 95 % interval of each "
        f"difference lies below 0; not reproduced if one lies at or above 0; otherwise inconclusive."
    )


def _ratio(claim: ClaimCard) -> str:
    return (
        f"Reproduced if {claim.subject} / {claim.reference[0]} lies within {number(claim.expected)} +- "
        f"{number(claim.tolerance)} with its whole 95 % interval; not reproduced if it lies outside; {STRADDLE}."
    )


def _ordering(claim: ClaimCard) -> str:
    chain = ", ".join([str(claim.subject), *claim.reference])
    return (
        f"Reproduced if the models stand in this order from best to worst: {chain}; each neighbouring pair is judged "
        f"by the 95 % interval of its difference; inconclusive if an interval straddles 0 and none contradicts."
    )


def _arithmetic(claim: ClaimCard) -> str:
    places = f"{claim.printed_decimals} decimal place{'' if claim.printed_decimals == 1 else 's'}"
    return (
        f"Nothing is measured. Reproduced if at least one reading, computed from published numbers and rounded half up "
        f"to {places}, gives the printed {printed(claim)}."
    )


_RULES = {
    ClaimKind.VALUE: _value,
    ClaimKind.AT_MOST: _at_most,
    ClaimKind.LESS_THAN: _less_than,
    ClaimKind.RATIO: _ratio,
    ClaimKind.ORDERING: _ordering,
    ClaimKind.ARITHMETIC: _arithmetic,
}


def printed(claim: ClaimCard) -> str:
    """The printed figure of an arithmetic claim, with the decimals that it was printed with."""
    return f"{claim.expected:.{claim.printed_decimals}f} {claim.unit}".strip()


def reading_text(result: ReadingResult, claim: ClaimCard) -> str:
    """One reading and its result with two decimals more than the printed figure has."""
    return f"'{result.name}' gives {result.value:.{claim.printed_decimals + 2}f} {claim.unit}".strip()


def weak_text(source: Published) -> str:
    """A weakly sourced number, named so that a reader can look for a better source."""
    value = with_unit(source.value, source.unit)
    return f"{source.method}'s {value} ({source.metric}; grade {source.grade}: {WEAK_GRADES[source.grade]})"
