"""From a claim and its evidence to a verdict: what keeps it from being judged comes first, then its kind's rule."""

from collections.abc import Callable, Iterable, Mapping

from stylenat.claims.arithmetic import compute_reading
from stylenat.claims.evidence import Evidence, estimate, obstacle
from stylenat.claims.findings import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, RULES, Finding, Numbers
from stylenat.claims.wording import WEAK_GRADES, printed, reading_text, rule_of, weak_text
from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, ClaimKind, Published
from stylenat.core.errors import InputError
from stylenat.core.records import ReadingResult, Verdict, VerdictStatus

Lookup = Callable[[str], Published]


def judge(
    claim: ClaimCard,
    evidence: Mapping[str, Evidence],
    published: Lookup,
    protocol: ProtocolCard | None = None,
    demo: bool = False,
) -> Verdict:
    """The verdict on a claim.

    `evidence` maps each of the claim's models to its records; `published` looks up `card/id`. An arithmetic claim
    needs neither evidence nor protocol. Records and code are left for the caller to fill in.
    """
    if claim.kind == ClaimKind.ARITHMETIC:
        return _judge_arithmetic(claim, published, demo)
    if protocol is None:
        raise InputError(f"claim '{claim.name}' of kind '{claim.kind}' can't be judged without its protocol")
    items = [evidence.get(name, Evidence(name, [])) for name in (str(claim.subject), *claim.reference)]
    blocked = obstacle(claim, items, protocol, published) or _too_few_seeds(items, protocol)
    if blocked:
        return _without_finding(claim, items, protocol, blocked, demo)
    return _with_finding(claim, items, protocol, demo)


def _too_few_seeds(items: list[Evidence], protocol: ProtocolCard) -> tuple[VerdictStatus, str] | None:
    short = [item.model for item in items if estimate(item, protocol) is None]
    if not short:
        return None
    return INCONCLUSIVE, f"Only one seed was measured for {', '.join(short)}: the spread over seeds is unknown."


def _with_finding(claim: ClaimCard, items: list[Evidence], protocol: ProtocolCard, demo: bool) -> Verdict:
    first = items[0].records[0]
    if claim.kind != ClaimKind.RATIO and claim.unit not in ("", first.unit):
        raise InputError(f"claim '{claim.name}': its unit is '{claim.unit}', but the records are in '{first.unit}'")
    subject, *references = [estimate(item, protocol) for item in items]
    named = dict(zip([item.model for item in items[1:]], references, strict=True))
    finding: Finding = RULES[claim.kind](claim, Numbers(subject, named, first.direction))
    conditions = dict.fromkeys(text for item in items for text in _conditions(item) if text)
    return Verdict(
        claim=claim.name,
        status=finding.status,
        reason=" ".join([finding.reason, *conditions]),
        rule=f"{rule_of(claim)} {finding.numbers}".strip(),
        expected=claim.expected,
        measured=finding.estimate.value,
        interval=finding.estimate.interval,
        unit=claim.unit if claim.kind == ClaimKind.RATIO else first.unit,
        demo=demo,
    )


def _conditions(item: Evidence) -> tuple[str, str]:
    inferred = f"The architecture of {item.model} is inferred: {item.inferred.rstrip('.')}." if item.inferred else ""
    return item.condition, inferred


def _without_finding(
    claim: ClaimCard, items: list[Evidence], protocol: ProtocolCard, blocked: tuple[VerdictStatus, str], demo: bool
) -> Verdict:
    """A verdict that no rule was applied for; the subject's own number is still told where it was made."""
    status, reason = blocked
    values = [] if status == VerdictStatus.NOT_RUN or claim.kind == ClaimKind.RATIO else items[0].values()
    found = estimate(items[0], protocol) if values else None
    return Verdict(
        claim=claim.name,
        status=status,
        reason=reason,
        rule=rule_of(claim),
        expected=claim.expected,
        measured=found.value if found else values[0] if values else None,
        interval=found.interval if found else None,
        unit=items[0].records[0].unit if values else claim.unit,
        demo=demo,
    )


def _judge_arithmetic(claim: ClaimCard, published: Lookup, demo: bool) -> Verdict:
    """A printed figure follows from published numbers by at least one reading."""
    results = [compute_reading(r, claim.expected, claim.printed_decimals, published) for r in claim.readings]
    fitting = [result for result in results if result.fits]
    shown = fitting[0] if fitting else results[0]
    return Verdict(
        claim=claim.name,
        status=REPRODUCED if fitting else NOT_REPRODUCED,
        reason=_arithmetic_reason(claim, results, published),
        rule=rule_of(claim),
        expected=claim.expected,
        measured=shown.value,
        unit=claim.unit,
        readings=results,
        demo=demo,
    )


def _arithmetic_reason(claim: ClaimCard, results: list[ReadingResult], published: Lookup) -> str:
    fitting = [reading_text(result, claim) for result in results if result.fits]
    others = [reading_text(result, claim) for result in results if not result.fits]
    if not fitting:
        return f"No reading gives {printed(claim)}: {'; '.join(others)}."
    text = f"{printed(claim)} follows from published numbers: {'; '.join(fitting)}."
    if others:
        text += f" Other readings do not give it: {'; '.join(others)}."
    chosen = [reading for reading, result in zip(claim.readings, results, strict=True) if result.fits]
    weak = [_weak_inputs(reading.inputs.values(), published) for reading in chosen]
    if all(weak):  # a reading that fits on well-sourced numbers alone needs no warning
        text += f" It rests on {' and '.join(weak[0])}."
    return text


def _weak_inputs(keys: Iterable[str], published: Lookup) -> list[str]:
    sources = [published(key) for key in dict.fromkeys(keys)]
    return [weak_text(source) for source in sources if source.grade in WEAK_GRADES]
