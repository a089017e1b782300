"""What keeps a claim from being judged: numbers that were not made, or that may not be compared."""

from collections.abc import Callable

from stylenat.claims.evidence import Evidence, deterministic
from stylenat.claims.wording import with_unit
from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, Published
from stylenat.core.records import Measurement, Status, VerdictStatus


def obstacle(
    claim: ClaimCard, evidence: list[Evidence], protocol: ProtocolCard, published: Callable[[str], Published]
) -> tuple[VerdictStatus, str] | None:
    """The first thing that keeps a claim from being judged, with its reason; None when nothing does."""
    missing: dict[str, list[str]] = {}
    for item in evidence:
        for reason in dict.fromkeys(_not_run(item, protocol)):
            missing.setdefault(reason, []).append(item.model)
    if missing:
        parts = [f"{', '.join(models)}: {reason.rstrip('.')}." for reason, models in missing.items()]
        return VerdictStatus.NOT_RUN, " ".join(parts)
    records = [record for item in evidence for record in item.records]
    # A check of the harness compares numbers of one making with one another, never with published ones.
    incomparable = "" if claim.about == "harness" else _incomparable(records) or _circular(evidence, protocol)
    reason = incomparable or (_other_hardware(claim, records, published) if claim.hardware_bound else "")
    if not reason and protocol.timed:
        reason = _several_devices(records)
    return (VerdictStatus.NOT_COMPARABLE, reason) if reason else None


def _not_run(item: Evidence, protocol: ProtocolCard) -> list[str]:
    reasons = list(item.absent)
    for record in item.records:
        where = f"under {record.protocol}, seed {record.seed}"
        if record.status != Status.OK:
            reasons.append(f"measurement {record.status} {where}, because {record.reason}")
        elif record.protocol_version != protocol.version:
            versions = f"version {record.protocol_version} of the protocol, which is now at {protocol.version}"
            reasons.append(f"measured {where}, by {versions}")
    if not item.records and not reasons:
        reasons.append(f"no record under {protocol.name}")
    return reasons


def _incomparable(records: list[Measurement]) -> str:
    reasons = [record.comparable_reason or "no reason given" for record in records if not record.comparable]
    if not reasons:
        return ""
    return f"The number may not stand beside published ones: {'; '.join(dict.fromkeys(reasons))}."


def _circular(evidence: list[Evidence], protocol: ProtocolCard) -> str:
    """A count of a network whose architecture was chosen to have the published count confirms nothing."""
    inferred = [item for item in evidence if item.inferred] if deterministic(protocol) else []
    if not inferred:
        return ""
    parts = [_with_numbers(item) for item in evidence]
    reasons = dict.fromkeys(
        f"{item.model}'s architecture is inferred: {item.inferred.rstrip('.')}." for item in inferred
    )
    return f"Counted: {', '.join(parts)}. But {' '.join(reasons)} A count of it confirms nothing about the original."


def _with_numbers(item: Evidence) -> str:
    values = dict.fromkeys(with_unit(record.value, record.unit) for record in item.records if record.value is not None)
    return f"{item.model} {', '.join(values)}"


def _device(record: Measurement) -> str:
    return str(record.device.get("name", "an unnamed device"))


def _other_hardware(claim: ClaimCard, records: list[Measurement], published: Callable[[str], Published]) -> str:
    """An absolute speed stands only on the hardware that the source names."""
    source = published(claim.published) if claim.published else None
    named = source.hardware if source else ""
    wrong = [record for record in records if not named or named.casefold() not in _device(record).casefold()]
    if not wrong:
        return ""
    record = wrong[0]
    measured = f"{with_unit(record.value or 0.0, record.unit)} was measured on {_device(record)}"
    theirs = f"the published number was taken on {named}" if named else "no source names the published number's machine"
    return f"An absolute speed holds for one machine: {measured}, and {theirs}. Ratios on one machine can be judged."


def _several_devices(records: list[Measurement]) -> str:
    devices = sorted({_device(record) for record in records})
    if len(devices) < 2:
        return ""
    return f"Speeds of different machines were mixed ({', '.join(devices)}); take all of them on one."
