"""What can be said of the causes of a change, and no more: sentences over recorded differences."""

from collections.abc import Iterable

from stylenat.core.records import VerdictStatus
from stylenat.report.compare import Change, Claim
from stylenat.report.compare_values import Pair, Values

CHANCE = "so it is nondeterminism, or something that no record names"


def conclude(claim: Claim) -> str:
    """What the recorded differences say about a change of a claim; empty where nothing changed."""
    if claim.a is None or claim.b is None or claim.change == Change.NONE:
        return ""
    unjudged = [
        f"Not run in {letter}: {side.judged.verdict.reason}"
        for letter, side in (("A", claim.a), ("B", claim.b))
        if side.judged.verdict.status == VerdictStatus.NOT_RUN
    ]
    if unjudged:
        return " ".join(text if text.endswith(".") else f"{text}." for text in unjudged)
    what = {Change.VERDICT: "verdict", Change.VALUE: "number", Change.REASON: "reason"}[claim.change]
    moved = any(item.moved or _other_records(item) for item in claim.values)
    behind = [difference for item in claim.values for difference in item.differences if difference.judges]
    judging = [*claim.judging, *(difference for difference in behind if difference.kind not in ("record", "seeds"))]
    return _claim_sentence(what, moved, list(dict.fromkeys(difference.name for difference in judging)))


def _claim_sentence(what: str, moved: bool, judging: list[str]) -> str:
    names = ", ".join(judging)
    if moved and judging:
        return (
            f"The measurements behind it differ, and so does what judges them ({names}): either may explain the {what}."
        )
    if moved:
        return (
            "Claim card, published numbers and judging code are not recorded to differ: the change comes with the "
            "measurements behind it."
        )
    if len(judging) == 1:
        return f"The measured values are the same, and only {names} is recorded to differ: the {what} rests on it."
    if judging:
        return f"The measured values are the same; any of these may explain the {what}: {names}."
    return f"No record behind it and nothing that judges it is recorded to differ: no cause of the {what} is known."


def conclude_values(values: Values) -> str:
    """What the recorded differences say about a group of measurements."""
    parts = []
    if _other_records(values):
        parts.append("Other records stand behind it in A than in B.")
    if values.moved:
        parts.append(_values_sentence(values))
    elif not parts:
        parts.append("The values are the same; what differs can only have changed how they are judged.")
    return " ".join(parts)


def _values_sentence(values: Values) -> str:
    inputs = [difference for difference in values.differences if difference.role == "input"]
    derived = [difference for difference in values.differences if difference.role == "derived"]
    seen = {seed for difference in inputs for seed in difference.seeds}
    bare = [pair for pair in values.moved if pair.seed not in seen]
    if not inputs and derived:
        return (
            "Only what was made on the way differs: its making is not deterministic (timings never are), or rests on "
            f"something that no record names.{_unseen(bare)}"
        )
    if not inputs:
        return f"Nothing recorded differs, yet the value does, {CHANCE}.{_unseen(bare)}"
    if len({(difference.kind, difference.name) for difference in inputs}) == 1:
        told = f"{inputs[0].name} is the only recorded input that differs, so it may explain the value; chance may too."
    else:
        told = "Several recorded inputs differ: any of them may explain the value, and the records can't tell which."
    if bare:
        told += f" At {seeds_text(pair.seed for pair in bare)} no recorded input differs, {CHANCE}.{_unseen(bare)}"
    return told


def _unseen(pairs: list[Pair]) -> str:
    """A warning where code that no fingerprint covers may differ behind equal revisions."""
    records = [entry.record for pair in pairs for entry in (pair.a, pair.b)]
    if not any(record.git.get("dirty") for record in records):
        return ""
    return " Records were made with uncommitted changes, which may differ unseen."


def _other_records(values: Values) -> bool:
    return any(difference.kind in ("record", "seeds") for difference in values.differences)


def seeds_text(seeds: Iterable[int]) -> str:
    """Seeds as words."""
    listed = [str(seed) for seed in seeds]
    return f"seed {listed[0]}" if len(listed) == 1 else f"seeds {', '.join(listed)}"
