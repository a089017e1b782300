"""What a session leaves: one JSON file with every sample of every network, typed."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stylenat.core.errors import InputError
from stylenat.core.files import read_json, write_json
from stylenat.core.strict import Strict, parse


class Point(Strict):
    """One batch size of a sweep."""

    batch_size: int
    calls: int  # a round
    seconds: list[float]  # of each round, all its calls together
    peak_bytes: int | None = None


class Entry(Strict):
    """One network of a session, and all that was found but for its rounds; a failed one gives its reason."""

    status: Literal["ok", "failed"]
    reason: str = ""
    batch_size: int | None = None  # of the rounds
    calls: int | None = None  # a round
    first_call_seconds: float | None = None  # untimed otherwise; of a compiled network with the compilation
    warmup_seconds: list[float] = Field(default_factory=list)  # of each call, the first one among them
    curve: list[Point] = Field(default_factory=list)
    sweep_end: str = ""  # why the sweep went no further
    peak_bytes: int | None = None  # own weights included, other networks' left out; only a GPU tells it
    parts: dict[str, list[float]] = Field(default_factory=dict)  # part -> seconds of a call, one a sample
    parts_end: str = ""  # why they could not be timed, or not in every round


class Round(Strict):
    """One turn of each network. Samples: the calls' own seconds, or one number for all of them in throughput mode."""

    order: list[str]
    seconds: dict[str, list[float]]


class Session(Strict):
    """All networks of a run under one protocol with one seed, measured in one process."""

    schema_version: Literal[1] = 1
    protocol: str
    protocol_version: int
    seed: int
    parameters: dict[str, Any]  # of the protocol's card
    timed: str  # in words
    entries: dict[str, Entry]  # by model
    rounds: list[Round]
    state_before: dict[str, Any]  # behind the warm-up
    state_after: dict[str, Any]
    device: dict[str, Any]
    flags: dict[str, Any]
    versions: dict[str, str]
    git: dict[str, Any]
    code: str  # fingerprint
    command: str = ""
    created: str
    wall_seconds: float

    def samples(self, model: str) -> list[list[float]]:
        """A network's samples, round by round."""
        return [one.seconds[model] for one in self.rounds if model in one.seconds]


def write_session(path: Path, session: Session) -> None:
    """Write a session atomically."""
    write_json(path, session.model_dump(mode="json"))


def read_session(path: Path) -> Session:
    """Read and validate a session; a fault raises InputError with the file's name."""
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: found {type(data).__name__}, expected a throughput session")
    return parse(data, Session, str(path))
