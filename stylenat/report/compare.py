"""Two campaigns side by side: which verdicts and values changed, and what differs behind those that did."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from stylenat.report.compare_facts import Difference, differences
from stylenat.report.compare_sources import judging_facts
from stylenat.report.compare_values import Values, values_behind
from stylenat.report.load import Judged, ReportData
from stylenat.report.tables import demo_label, own_entries
from stylenat.report.wording import VERDICTS


class Change(StrEnum):
    """How a claim stands in one campaign against the other."""

    VERDICT = "verdict"  # another verdict
    VALUE = "value"  # the same verdict, on another number
    REASON = "reason"  # the same verdict and number, for another reason
    ONLY_A = "only_a"
    ONLY_B = "only_b"
    NONE = "none"


@dataclass(frozen=True)
class Side:
    """One claim in one campaign."""

    judged: Judged
    label: str  # demo label of its number
    seeds: list[int]  # of the subject's own measurements that have a value
    standard_error: float | None  # of the subject's one run, where the verdict gives no interval

    @property
    def number(self) -> tuple[float | None, tuple[float, float] | None]:
        """The number and its interval."""
        return self.judged.verdict.measured, self.judged.verdict.interval

    @property
    def unit(self) -> str:
        """The number's unit."""
        return self.judged.verdict.unit or self.judged.claim.unit


@dataclass(frozen=True)
class Claim:
    """One claim in both campaigns, with what differs behind it where something changed."""

    name: str
    change: Change
    a: Side | None
    b: Side | None
    judging: list[Difference]  # in what judges it: card, published numbers, code
    values: list[Values]  # the measurements behind it that differ

    @property
    def title(self) -> str:
        """The title on its card, A's first."""
        return (self.a or self.b).judged.claim.title


@dataclass(frozen=True)
class Campaign:
    """One of the two: its folder as the user names it, and what was read there."""

    folder: str
    data: ReportData

    @property
    def judged(self) -> list[Judged]:
        """The claims of the paper, and the checks of the harness."""
        return [*self.data.judged, *self.data.checks]

    @property
    def counts(self) -> dict[str, int]:
        """How many of them have each verdict."""
        found = Counter(str(judged.verdict.status) for judged in self.judged)
        return {str(status): found[str(status)] for status in VERDICTS}


@dataclass(frozen=True)
class Comparison:
    """All claims of either campaign, in the order of A's, then of B's."""

    a: Campaign
    b: Campaign
    claims: list[Claim]

    def having(self, change: Change) -> list[Claim]:
        """The claims that stand in this way."""
        return [claim for claim in self.claims if claim.change == change]


def compare(a: Campaign, b: Campaign) -> Comparison:
    """Set two campaigns side by side."""
    sides = [{judged.claim.name: _side(one.data, judged) for judged in one.judged} for one in (a, b)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    claims = [_claim((a.data, b.data), name, sides[0].get(name), sides[1].get(name)) for name in names]
    return Comparison(a, b, claims)


def _side(data: ReportData, judged: Judged) -> Side:
    own = [entry for entry in own_entries(data, judged) if entry.planned.model == judged.claim.subject]
    made = [entry.record for entry in own if entry.value is not None]
    one_run = len(made) == 1 and judged.verdict.interval is None and judged.verdict.measured == made[0].value
    error = made[0].standard_error if one_run else None
    seeds = sorted(record.seed for record in made)
    return Side(judged, demo_label(data, judged), seeds, None if error is None else error.value)


def _claim(data: tuple[ReportData, ReportData], name: str, a: Side | None, b: Side | None) -> Claim:
    if a is None or b is None:
        return Claim(name, Change.ONLY_A if b is None else Change.ONLY_B, a, b, [], [])
    values = values_behind(data, (a.judged, b.judged))
    change = _change(a, b, [item for item in values if not item.beside])
    if change == Change.NONE:
        return Claim(name, change, a, b, [], [])
    judging = differences(*(judging_facts(side, one.judged) for side, one in zip(data, (a, b), strict=True)))
    # What only stands beside a claim can turn its verdict, but not its number.
    shown = [item for item in values if change == Change.VERDICT or not item.beside]
    return Claim(name, change, a, b, judging, shown)


def _change(a: Side, b: Side, own: list[Values]) -> Change:
    if a.judged.verdict.status != b.judged.verdict.status:
        return Change.VERDICT
    if a.number != b.number or any(item.moved for item in own):
        return Change.VALUE
    return Change.REASON if a.judged.verdict.reason != b.judged.verdict.reason else Change.NONE
