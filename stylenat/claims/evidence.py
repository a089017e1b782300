"""What a claim rests on: each model's records, and its number with an error."""

from dataclasses import dataclass, field

from stylenat.claims.wording import number
from stylenat.core import estimates
from stylenat.core.cards import ModelCard, ProtocolCard, RunCard
from stylenat.core.records import Measurement


@dataclass(frozen=True)
class Reals:
    """A set whose images a model is compared with."""

    dataset: str
    resize_filter: str

    @property
    def words(self) -> str:
        """The filter and the set, as a sentence names them."""
        return f"{self.resize_filter} ({self.dataset})"


@dataclass(frozen=True)
class Against:
    """A model's records against another set than its own."""

    reals: Reals
    records: list[Measurement]
    planned: int  # how many records there will be
    flag: str = ""  # why the model may not be ranked there


@dataclass(frozen=True)
class Evidence:
    """One model's records for a claim, of any status, and why others are missing (each reason follows `model: `)."""

    model: str
    records: list[Measurement]
    absent: list[str] = field(default_factory=list)
    reals: Reals | None = None  # the model's own set; none: the network itself is measured
    others: list[Against] = field(default_factory=list)
    flag: str = ""  # why the model may not be ranked: where it lies outside its controls
    inferred: str = ""  # which part of the model's architecture no source states

    def values(self) -> list[float]:
        """The measured values."""
        return [record.value for record in self.records if record.value is not None]


def why_unplanned(model: ModelCard, protocol: ProtocolCard, run: RunCard, elsewhere: list[str]) -> str:
    """Why a run holds no record of a model under a protocol, and where it would come from.

    `elsewhere` names the sets that the model is compared with instead of its own.
    """
    if model.family is None:
        return f"published numbers only, because {model.weights.none}"
    if not protocol.implemented:
        return f"protocol {protocol.name} can't be run yet, because {protocol.reason}"
    if protocol.on_images and model.weights.none is not None:
        return f"no weights, because {model.weights.none}"
    missing = f"not measured under {protocol.name} in run '{run.run}'"
    if elsewhere:
        return f"{missing} against its own set, {model.dataset}, only against {', '.join(elsewhere)}"
    return f"{missing}; config/paper.yaml measures it" if run.demo else f"{missing}; add it to the run's 'measure'"


def deterministic(protocol: ProtocolCard) -> bool:
    """Whether a protocol gives one number without chance: counts of the network itself."""
    return protocol.needs == "model" and not protocol.timed


def estimate(evidence: Evidence, protocol: ProtocolCard) -> estimates.Estimate | None:
    """The model's number: exact when deterministic, else over seeds or of one run; None where no error is known."""
    values = evidence.values()
    if deterministic(protocol) and len(set(values)) == 1:
        return estimates.exact(values[0])
    return estimates.estimate_of(evidence.records)


def sessions(evidence: Evidence, protocol: ProtocolCard) -> dict[str, float]:
    """Timings by the session that made them; empty when a record names none. Models share a session's inputs."""
    records = evidence.records if protocol.timed else []
    if not all(record.inputs and record.value is not None for record in records):
        return {}
    return {f"{record.seed} {sorted(record.inputs.items())}": record.value for record in records}


def agreement(evidence: Evidence, protocol: ProtocolCard) -> str:
    """Whether seeds differ as much as each run's own standard error says; for three seeds and more, in a sentence."""
    errors = [record.standard_error for record in evidence.records]
    if len(errors) < 3 or any(error is None or error.value <= 0 for error in errors):
        return ""
    expected = (sum(error.value**2 for error in errors) / len(errors)) ** 0.5
    share = estimates.sample_sd(evidence.values()) / expected
    told = f"{evidence.model}: the standard deviation over {len(errors)} seeds is {number(share)} times the standard"
    told += f" error of one run ({', '.join(dict.fromkeys(error.method for error in errors))})"
    return told + (", which leaves out the draw of the reals." if protocol.real_draw == "each-seed" else ".")
