"""What each kind of measured claim finds in its numbers: one pure function a kind.

Every comparison ends in an interval: the whole of it on the good side is `reproduced`, the whole of it on the
bad side `not_reproduced`, anything between `inconclusive`. An exact number is an interval of no width.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from stylenat.claims.wording import interval_text, number
from stylenat.core import estimates
from stylenat.core.claim_cards import ClaimCard, ClaimKind
from stylenat.core.errors import InputError
from stylenat.core.estimates import Estimate
from stylenat.core.records import VerdictStatus

REPRODUCED, NOT_REPRODUCED = VerdictStatus.REPRODUCED, VerdictStatus.NOT_REPRODUCED
INCONCLUSIVE = VerdictStatus.INCONCLUSIVE
WITHIN = {REPRODUCED: "within", NOT_REPRODUCED: "outside", INCONCLUSIVE: "neither surely within nor outside"}


@dataclass(frozen=True)
class Finding:
    """What a rule found: the verdict's own part."""

    status: VerdictStatus
    reason: str
    estimate: Estimate
    numbers: str = ""  # numbers of the rule that only the measurement gives


@dataclass(frozen=True)
class Numbers:
    """The estimates that a rule reads, and which way is better; models timed in the same sessions are paired."""

    of_model: dict[str, Estimate]  # the subject first, then the references in order
    direction: str = "none"
    sessions: dict[str, dict[str, float]] = field(default_factory=dict)  # timings of a model by session

    @property
    def subject(self) -> Estimate:
        """The subject's number."""
        return next(iter(self.of_model.values()))

    @property
    def references(self) -> list[str]:
        """The names of the models compared with."""
        return list(self.of_model)[1:]

    def difference(self, a: str, b: str) -> Estimate:
        """One model's number less another's."""
        pairs = self._pairs(a, b)
        if pairs:
            return estimates.paired_difference(*pairs)
        return estimates.difference(self.of_model[a], self.of_model[b])

    def ratio(self, a: str, b: str) -> Estimate:
        """One model's number over another's."""
        pairs = self._pairs(a, b)
        if pairs:
            return estimates.paired_ratio(*pairs)
        return estimates.ratio(self.of_model[a], self.of_model[b])

    def _pairs(self, a: str, b: str) -> tuple[list[float], list[float]] | None:
        """Two models' timings by session; None unless the same sessions, two at least, measured both."""
        first, second = self.sessions.get(a, {}), self.sessions.get(b, {})
        if len(first) < 2 or first.keys() != second.keys():
            return None
        return list(first.values()), [second[session] for session in first]


def _side(interval: tuple[float, float], low: float, high: float) -> VerdictStatus:
    """Where an interval lies against the good range from `low` to `high`, both included."""
    if low <= interval[0] and interval[1] <= high:
        return REPRODUCED
    return NOT_REPRODUCED if interval[1] < low or interval[0] > high else INCONCLUSIVE


def _all_of(statuses: list[VerdictStatus]) -> VerdictStatus:
    """A claim of several parts: one that fails decides, then one that is open."""
    for status in (NOT_REPRODUCED, INCONCLUSIVE):
        if status in statuses:
            return status
    return REPRODUCED


def judge_value(claim: ClaimCard, numbers: Numbers) -> Finding:
    """The subject's number equals the expected one: within the tolerance, or within the noise of two draws."""
    subject, gap = numbers.subject, numbers.subject.value - claim.expected
    told = f"Measured {number(subject.value)}{interval_text(subject)}, {number(abs(gap))}"
    told += f" {'above' if gap >= 0 else 'below'} {number(claim.expected)}"
    if claim.published_sd is None:
        status = _side((subject.low, subject.high), claim.expected - claim.tolerance, claim.expected + claim.tolerance)
        return Finding(status, f"{told}: {WITHIN[status]} +- {number(claim.tolerance)}.", subject)
    se_diff = math.hypot(subject.se, claim.published_sd)
    band = 2 * se_diff
    numbers_text = f"Here SE = {number(subject.se)}, SE_diff = {number(se_diff)}, 2 SE_diff = {number(band)}."
    if abs(gap) > band:
        reason = f"{told}: more than the noise of the comparison, {number(band)}."
        return Finding(NOT_REPRODUCED, reason, subject, numbers_text)
    if band > claim.tolerance:
        reason = f"{told}: within the noise of the comparison, but that noise, {number(band)}, is too wide."
        return Finding(INCONCLUSIVE, reason, subject, numbers_text)
    return Finding(REPRODUCED, f"{told}: within the noise of the comparison, {number(band)}.", subject, numbers_text)


def judge_at_most(claim: ClaimCard, numbers: Numbers) -> Finding:
    """The subject's number does not exceed the expected one."""
    subject = numbers.subject
    status = _side((subject.low, subject.high), float("-inf"), claim.expected)
    verb = {REPRODUCED: "does not exceed", NOT_REPRODUCED: "exceeds", INCONCLUSIVE: "its interval straddles"}
    told = f"Measured {number(subject.value)}{interval_text(subject)}"
    return Finding(status, f"{told}: {verb[status]} {number(claim.expected)}.", subject)


def _pair(numbers: Numbers, better: str, worse: str, sign: int) -> tuple[VerdictStatus, str]:
    """Whether one model's number lies strictly on the better side of another's; `sign` 1: lower is better."""
    gap = numbers.difference(better, worse)
    low, high = sorted((sign * gap.low, sign * gap.high))
    status = REPRODUCED if high < 0 else NOT_REPRODUCED if low >= 0 else INCONCLUSIVE
    word = "below" if sign > 0 else "above"
    verb = {REPRODUCED: f"is {word}", NOT_REPRODUCED: f"is not {word}", INCONCLUSIVE: f"is not surely {word} or not"}
    first, second = (f"{name} ({number(numbers.of_model[name].value)})" for name in (better, worse))
    return status, f"{first} {verb[status]} {second}{interval_text(gap, 'interval of the difference')}"


def judge_less_than(claim: ClaimCard, numbers: Numbers) -> Finding:
    """The subject's number lies below that of each reference."""
    found = [_pair(numbers, str(claim.subject), name, 1) for name in numbers.references]
    reason = "; ".join(text for _, text in found) + "."
    return Finding(_all_of([status for status, _ in found]), reason, numbers.subject)


def judge_ordering(claim: ClaimCard, numbers: Numbers) -> Finding:
    """Subject and references stand in the order given, from best to worst."""
    if numbers.direction not in ("lower", "higher"):
        raise InputError(f"claim '{claim.name}': the metric of '{claim.protocol}' has no better direction to order by")
    sign = 1 if numbers.direction == "lower" else -1
    found = [_pair(numbers, first, second, sign) for first, second in pairwise(numbers.of_model)]
    reason = "; ".join(text for _, text in found) + "."
    return Finding(_all_of([status for status, _ in found]), reason, numbers.subject)


def judge_ratio(claim: ClaimCard, numbers: Numbers) -> Finding:
    """Subject / first reference equals the expected ratio within the tolerance."""
    name = numbers.references[0]
    found = numbers.ratio(str(claim.subject), name)
    status = _side((found.low, found.high), claim.expected - claim.tolerance, claim.expected + claim.tolerance)
    told = f"{claim.subject} / {name} = {number(numbers.subject.value)} / {number(numbers.of_model[name].value)}"
    told += f" = {number(found.value)}{interval_text(found)}"
    return Finding(status, f"{told}: {WITHIN[status]} {number(claim.expected)} +- {number(claim.tolerance)}.", found)


RULES: dict[ClaimKind, Callable[[ClaimCard, Numbers], Finding]] = {
    ClaimKind.VALUE: judge_value,
    ClaimKind.AT_MOST: judge_at_most,
    ClaimKind.LESS_THAN: judge_less_than,
    ClaimKind.ORDERING: judge_ordering,
    ClaimKind.RATIO: judge_ratio,
}
