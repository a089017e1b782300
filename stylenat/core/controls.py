"""The controls that bound every metric on images, and the models outside them: those are flagged, and not ranked.

`real`, another draw of a set's own images, is the best that a metric can say of a model, and `noise` the worst. A
number beyond them speaks of the metric or of a mistake, not of the model.
"""

from collections.abc import Iterable, Mapping

from stylenat.core.cards import ModelCard
from stylenat.core.estimates import Estimate, difference, estimate_of, exact
from stylenat.core.records import Measurement

Key = tuple[str, str, str]  # protocol, set of reals, model


def control_of(card: ModelCard | None, dataset: str) -> str:
    """`real` or `noise` for a control of the numbers taken against a set, else an empty word.

    Noise is noise to any set. Real images are a floor of their own set alone: those of another resize filter are not
    another draw of the same.
    """
    if card is None or not card.control:
        return ""
    last = (card.family or "").rpartition(".")[2]
    if last == "real":
        return last if card.weights.dataset == dataset else ""
    return last if last == "noise" else ""


def flags(records: Iterable[Measurement], models: Mapping[str, ModelCard]) -> dict[Key, str]:
    """Why models may not be ranked, by protocol, set of reals and model; who lies between its controls is not named.

    `records` are measurements of one version of each protocol; those without a set of reals or a value are passed over.
    """
    groups: dict[tuple[str, str], dict[str, list[Measurement]]] = {}
    for record in records:
        if record.dataset and record.value is not None:
            of_model = groups.setdefault((record.protocol, record.dataset), {})
            of_model.setdefault(record.model, []).append(record)
    found: dict[Key, str] = {}
    for (protocol, dataset), of_model in groups.items():
        reasons = _flags_of(of_model, {name: control_of(models.get(name), dataset) for name in of_model}, models)
        found |= {(protocol, dataset, name): reason for name, reason in reasons.items()}
    return found


def _flags_of(
    of_model: dict[str, list[Measurement]], roles: dict[str, str], models: Mapping[str, ModelCard]
) -> dict[str, str]:
    """The flagged models among those measured in one way, with why."""
    sign = {"lower": 1, "higher": -1}.get(next(iter(of_model.values()))[0].direction, 0)
    if sign == 0:
        return {}
    numbers = {name: _number(records) for name, records in of_model.items()}
    reals, noises = ([name for name in numbers if roles[name] == role] for role in ("real", "noise"))
    for real in reals:
        for noise in noises:
            if sign * (numbers[real].value - numbers[noise].value) >= 0:
                told = f"{real} {numbers[real].value:.4g}, {noise} {numbers[noise].value:.4g}"
                return dict.fromkeys(numbers, f"the controls are out of order: {told}")
    found = {}
    for name, number in numbers.items():
        if name in models and models[name].control:
            continue
        for control, side, words in (*((r, 1, "better than real images") for r in reals),
                                     *((n, -1, "worse than noise") for n in noises)):  # fmt: skip
            if _surely_below(numbers[control], number, sign * side):
                found[name] = f"{words}, {number.value:.4g} against {numbers[control].value:.4g} of {control}"
    return found


def _number(records: list[Measurement]) -> Estimate:
    """The mean over seeds; a single run whose error is not known is taken as it stands."""
    return estimate_of(records) or exact(records[0].value)


def _surely_below(control: Estimate, number: Estimate, sign: int) -> bool:
    """Whether a number lies below a control, times `sign`, by more than the noise of both."""
    gap = difference(number, control)
    return max(sign * gap.low, sign * gap.high) < 0
