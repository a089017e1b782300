"""What a verdict on reals of one resize filter is worth: the same numbers against the same images, resized otherwise.

The paper does not name the filter of its 256 px images, and filters move FID by more than the paper's own margins.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from stylenat.claims.evidence import Evidence, Reals, estimate
from stylenat.claims.findings import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, Finding
from stylenat.claims.wording import number, status_words
from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, ClaimKind
from stylenat.core.records import Status, VerdictStatus

ABSOLUTE = (ClaimKind.VALUE, ClaimKind.AT_MOST)
Find = Callable[[list[Evidence]], Finding]


@dataclass(frozen=True)
class Conditional:
    """The status that a verdict keeps when its filter is weighed, and what must be said of it."""

    status: VerdictStatus
    before: str = ""  # leads the reason
    after: str = ""  # ends it


def weigh(claim: ClaimCard, items: list[Evidence], protocol: ProtocolCard, own: Finding, find: Find) -> Conditional:
    """A finding against the models' own sets, beside those against every other measured set.

    A claim of an absolute number that is reproduced with one filter and not with another becomes inconclusive: the
    paper's filter is not known, so neither finding may stand for it. An `inconclusive` under another filter contradicts
    nothing. A comparison of models keeps its own set's status: both sides saw the same reals, and the order or ratio
    that they have there is a result in itself; where another filter turns it, that is said. A model that lies outside
    its controls under a filter decides nothing there.
    """
    resting = dict.fromkeys(item.reals.words for item in items if item.reals and item.reals.resize_filter != "none")
    if not resting:
        return Conditional(own.status)
    others, pending = _others(items, protocol, find)
    text = f"It rests on reals resized with the filter {' and '.join(resting)}"
    text += "." if others else "; others shift it."
    if others:
        values = [own.estimate.value, *(finding.estimate.value for _, finding in others)]
        told = [f"{reals.words} {number(f.estimate.value)}, {status_words(f.status)}" for reals, f in others]
        text += f" With others: {'; '.join(told)}. The spread over them is {number(max(values) - min(values))}."
        text += _turned(own, others)
    if pending:
        text += f" Without a number to use: {', '.join(pending)}."
    contrary = [(reals, finding) for reals, finding in others if {own.status, finding.status} == _OPPOSITE]
    if not contrary or claim.kind not in ABSOLUTE or claim.about != "paper":
        return Conditional(own.status, after=text)
    sides = [f"{status_words(own.status)} with {' and '.join(resting)}"]
    sides += [f"{status_words(finding.status)} with {reals.words}" for reals, finding in contrary]
    before = f"It depends on the filter, which the paper does not state: {', '.join(sides)}."
    return Conditional(INCONCLUSIVE, before, text)


_OPPOSITE = {REPRODUCED, NOT_REPRODUCED}


def _turned(own: Finding, others: list[tuple[Reals, Finding]]) -> str:
    """Whether the verdict would be another under any of the measured filters, plainly."""
    turned = [reals.words for reals, finding in others if finding.status != own.status]
    if not turned:
        return " The verdict is the same under each of them."
    return f" The verdict would be another under {', '.join(turned)}."


def _others(items: list[Evidence], protocol: ProtocolCard, find: Find) -> tuple[list[tuple[Reals, Finding]], list[str]]:
    """What is found against each other set that all models have numbers for; and the sets that are planned only."""
    sets = dict.fromkeys(other.reals for item in items for other in item.others)
    found, pending = [], []
    for reals in sets:
        swapped = [_against(item, reals, protocol) for item in items]
        usable = [item for item in swapped if item is not None and estimate(item, protocol) is not None]
        if len(usable) == len(items):
            found.append((reals, find(usable)))
        else:
            pending.append(reals.words)
    return found, pending


def _against(item: Evidence, reals: Reals, protocol: ProtocolCard) -> Evidence | None:
    """The evidence with another set in the place of its own; None unless every planned record is there and sound."""
    for other in item.others:
        sound = [r for r in other.records if r.status == Status.OK and r.protocol_version == protocol.version]
        if other.reals == reals and other.planned == len(sound) and not other.flag:
            return replace(item, records=sound, reals=reals, others=[])
    return None
