"""A comparison of two campaigns as lines for a reader, whatever they are rendered as."""

import re
from collections.abc import Iterator

from stylenat.report.compare import Campaign, Change, Claim, Comparison, Side
from stylenat.report.compare_facts import Difference
from stylenat.report.compare_values import Pair, Values, error_of
from stylenat.report.compare_words import conclude, conclude_values, seeds_text
from stylenat.report.names import SHORT_HASH
from stylenat.report.view import demo_banner
from stylenat.report.wording import VERDICTS, interval, measured, shorten, with_unit

HEADINGS = {
    Change.VERDICT: "The verdict changed",
    Change.VALUE: "The same verdict, another value behind it",
    Change.REASON: "The same verdict for another reason",
    Change.ONLY_A: "Only in A",
    Change.ONLY_B: "Only in B",
    Change.NONE: "Unchanged",
}
COUNTED = {
    Change.VERDICT: "with another verdict",
    Change.VALUE: "with another value",
    Change.REASON: "for another reason",
    Change.NONE: "unchanged",
    Change.ONLY_A: "only in A",
    Change.ONLY_B: "only in B",
}
DIGEST = re.compile(r"[0-9a-f]{16,64}(-[0-9a-f]{16,64})*")
LONGEST = 200  # signs of a recorded text that are shown
Line = tuple[int, str]  # depth (0 a section, 1 a claim, from 2 on what is said of it) and text


def about(found: Comparison) -> Iterator[str]:
    """Which campaigns these are, and how many claims stand how."""
    for letter, one in (("A", found.a), ("B", found.b)):
        yield f"{letter}: {_campaign(one)}"
    for letter, one in (("A", found.a), ("B", found.b)):
        if one.data.plan.run.demo:
            yield f"{letter} is a DEMO RUN. {demo_banner(one.data)}"
    counts = ", ".join(f"{len(found.having(change))} {words}" for change, words in COUNTED.items())
    yield f"{len(found.claims)} claims: {counts}."


def _campaign(one: Campaign) -> str:
    run = one.data.plan.run
    counts = ", ".join(f"{count} {VERDICTS[status][0]}" for status, count in one.counts.items())
    return f"{one.folder}, run '{run.run}'{' [demo run]' if run.demo else ''}: {counts}"


def lines(found: Comparison) -> Iterator[Line]:
    """All claims by how they stand, what changed most first."""
    for change, heading in HEADINGS.items():
        claims = found.having(change)
        if claims:
            yield 0, f"{heading} ({len(claims)})"
        for claim in claims:
            if change == Change.NONE:
                yield 2, f"{claim.name}: {side_text(claim.a)}"
                continue
            yield 1, f"{claim.name}: {claim.title}"
            yield from _claim(claim)


def _claim(claim: Claim) -> Iterator[Line]:
    for letter, side in (("A", claim.a), ("B", claim.b)):
        if side is not None:
            yield 2, f"{letter}: {side_text(side)}"
    yield from explanation(claim)


def explanation(claim: Claim) -> Iterator[Line]:
    """What differs behind a claim, and what can be said of it."""
    said = conclude(claim)
    if said:
        yield 2, said
    for difference in claim.judging:
        yield 3, _difference(difference)
    for values in claim.values:
        protocol, model, dataset = values.key
        where = f"{model} under {protocol}" + (f" against {dataset}" if dataset else "")
        yield 2, f"{where}{' (beside the claim)' if values.beside else ''}: {conclude_values(values)}"
        for pair in values.moved:
            yield 3, _pair(pair)
        for difference in _told(values):
            yield 3, _difference(difference, [pair.seed for pair in values.pairs])


def _told(values: Values) -> list[Difference]:
    """All differences, but what was made on the way only where nothing else explains the values."""
    inputs = [difference for difference in values.differences if difference.role != "derived"]
    return inputs if any(difference.role == "input" for difference in inputs) else values.differences


def _difference(found: Difference, seeds: list[int] | None = None) -> str:
    a, b = _apart(found.a, found.b)
    some = f" ({seeds_text(found.seeds)})" if found.seeds and seeds and list(found.seeds) != seeds else ""
    return f"{found.name}: {a} in A, {b} in B{some}"


def _apart(a: str, b: str) -> tuple[str, str]:
    """Two recorded texts in short: as much of a hash as tells the two apart."""
    same = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    cut = [text[: max(SHORT_HASH, same + 1)] for text in (a, b)]
    short = [f"{c}…" if DIGEST.fullmatch(t) and c != t else t for c, t in zip(cut, (a, b), strict=True)]
    shown = [shorten(text, LONGEST) for text in short]
    return (shown[0], shown[1]) if shown[0] != shown[1] else (short[0], short[1])


def _pair(pair: Pair) -> str:
    texts = [with_unit(entry.value, entry.record.unit) for entry in (pair.a, pair.b)]
    if texts[0] == texts[1] and pair.a.value != pair.b.value:  # they differ beyond the digits that are shown
        texts = [f"{entry.value!r} {entry.record.unit}".removesuffix(" 1") for entry in (pair.a, pair.b)]
    errors = [error_of(entry) for entry in (pair.a, pair.b)]
    shown = [t if error is None else f"{t} ± {measured(error)}" for t, error in zip(texts, errors, strict=True)]
    label = "".join(sorted({f" [{entry.label}]" for entry in (pair.a, pair.b) if entry.label}))
    return f"seed {pair.seed}: {shown[0]} in A, {shown[1]} in B{label}"


def side_text(side: Side) -> str:
    """A verdict with its number, error and demo label."""
    value, bounds = side.number
    text = VERDICTS[side.judged.verdict.status][0]
    if value is not None:
        error = "" if side.standard_error is None else f" ± {measured(side.standard_error)}"
        text += f", {with_unit(value, side.unit)}{error}"
        text += f" ({interval(bounds)})" if bounds else ""
        text += f", {seeds_text(side.seeds)}" if side.seeds else ""
    return text + (f" [{side.label}]" if side.label else "")
