"""Named facts of two campaigns side by side: the kinds of them, and the differences."""

from collections.abc import Iterable
from dataclasses import dataclass

# kind -> whether it decides a value (input), only how a value is judged (judged), or follows from inputs (derived);
# in this order they are told: what decides most comes first
KINDS = {
    "record": "judged", "seeds": "judged", "claim_card": "judged", "published_number": "judged",
    "judging_code": "judged", "comparable": "judged", "demo": "judged",
    "protocol_version": "input", "protocol_card": "input", "metric_version": "input",
    "weights": "input", "model_card": "input", "training_card": "input", "fakes": "input",
    "data": "input", "resize_filter": "input", "reals": "input",
    "detector": "input", "detector_weights": "input", "detector_card": "input",
    "code": "input", "images_code": "input", "device": "input", "flags": "input", "batch_size": "input",
    "versions": "input", "git": "input", "statistics": "derived", "inputs": "derived",
}  # fmt: skip
PROTOCOL = {"protocol_version", "protocol_card"}  # decide a value, and how it is judged
# What a key of statistics is taken over besides the code that made the images and their features.
OF_STATISTICS = {
    "weights",
    "model_card",
    "data",
    "detector_weights",
    "detector_card",
    "device",
    "batch_size",
    "versions",
}
MODEL_KEYS = ("inferred", "control", "dataset", "weights")  # keys of a model's card that judging asks for
Facts = dict[tuple[str, str], str]  # (kind, name) -> what was recorded


@dataclass(frozen=True)
class Difference:
    """One recorded thing that differs between two campaigns."""

    kind: str  # of KINDS
    name: str
    a: str
    b: str
    seeds: tuple[int, ...] = ()  # of the measurements that it is about

    @property
    def role(self) -> str:
        """Whether it decides a value, only how it is judged, or follows from what does."""
        return KINDS[self.kind]

    @property
    def judges(self) -> bool:
        """Whether it can change a verdict while the values stay the same."""
        model_key = self.name.removeprefix("model card's ").split(".")[0]
        by_model = self.kind == "model_card" and model_key in MODEL_KEYS
        return self.role == "judged" or self.kind in PROTOCOL or by_model


def differences(a: Facts, b: Facts, seeds: tuple[int, ...] = ()) -> list[Difference]:
    """The facts that are not the same, what decides most first."""
    found = []
    for kind, name in dict.fromkeys([*a, *b]):
        absent = "none" if kind.endswith("card") else "not recorded"
        pair = [facts.get((kind, name), absent) for facts in (a, b)]
        if pair[0] != pair[1]:
            found.append(Difference(kind, name, *pair, seeds))
    return ordered(found)


def ordered(found: Iterable[Difference]) -> list[Difference]:
    """Differences by their kind, what decides most first."""
    ranks = list(KINDS)
    return sorted(found, key=lambda difference: ranks.index(difference.kind))
