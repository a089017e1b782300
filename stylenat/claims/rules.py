"""From a claim and its evidence to a verdict: what keeps it from being judged comes first, then its kind's rule."""

from collections.abc import Callable, Iterable, Mapping

from stylenat.claims.arithmetic import compute_reading
from stylenat.claims.evidence import Evidence, agreement, estimate, sessions
from stylenat.claims.filters import weigh
from stylenat.claims.findings import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, RULES, Finding, Numbers
from stylenat.claims.obstacles import obstacle
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
    unknown = "and no standard error came with it, so that its spread is unknown"
    return INCONCLUSIVE, f"Only one seed was measured for {', '.join(short)}, {unknown}."


def _with_finding(claim: ClaimCard, items: list[Evidence], protocol: ProtocolCard, demo: bool) -> Verdict:
    first = items[0].records[0]
    if claim.kind != ClaimKind.RATIO and claim.unit not in ("", first.unit):
        raise InputError(f"claim '{claim.name}': its unit is '{claim.unit}', but the records are in '{first.unit}'")
    finding = _find(claim, items, protocol)
    conditional = weigh(claim, items, protocol, finding, lambda swapped: _find(claim, swapped, protocol))
    status, unranked = _ranked(claim, items, conditional.status)
    inferred = dict.fromkeys(_inferred(item) for item in items if item.inferred)
    reason = [conditional.before, finding.reason, unranked, conditional.after, *inferred]
    notes = [agreement(item, protocol) for item in items]
    return Verdict(
        claim=claim.name,
        status=status,
        reason=" ".join(filter(None, reason)),
        rule=" ".join(filter(None, [rule_of(claim, protocol), finding.numbers, *notes])),
        expected=claim.expected,
        measured=finding.estimate.value,
        interval=finding.estimate.interval,
        unit=claim.unit if claim.kind == ClaimKind.RATIO else first.unit,
        demo=demo,
    )


def _find(claim: ClaimCard, items: list[Evidence], protocol: ProtocolCard) -> Finding:
    """What the rule of the claim's kind finds; every model has a number."""
    of_model = {item.model: estimate(item, protocol) for item in items}
    timed = {item.model: sessions(item, protocol) for item in items}
    return RULES[claim.kind](claim, Numbers(of_model, items[0].records[0].direction, timed))


def _ranked(claim: ClaimCard, items: list[Evidence], status: VerdictStatus) -> tuple[VerdictStatus, str]:
    """A model outside its controls is not ranked; a check of the harness judges the controls themselves."""
    flagged = [f"{item.model} is flagged: {item.flag}" for item in items if item.flag and claim.about == "paper"]
    if not flagged:
        return status, ""
    told = "; ".join(flagged)
    if claim.kind in (ClaimKind.LESS_THAN, ClaimKind.ORDERING):
        return INCONCLUSIVE, f"{told}. Such a model is not ranked."
    return status, f"{told}. The number speaks of a fault rather than of the model."


def _inferred(item: Evidence) -> str:
    return f"The architecture of {item.model} is inferred: {item.inferred.rstrip('.')}."


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
        rule=rule_of(claim, protocol),
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
