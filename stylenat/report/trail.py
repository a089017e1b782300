"""How records were made and from what, told once for all records that share it: commands, input files, libraries."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from stylenat.core.records import DetectorUsed, Measurement
from stylenat.report.load import ReportData

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Making:
    """What made a record, but for its inputs and its time."""

    command: str  # makes the record again; empty: not recorded
    code: str  # fingerprint of what decides the number
    metric_version: int
    protocol: str
    protocol_version: int
    revision: str
    dirty: bool
    detector: str  # with preprocessing and the whole hash of its weights; empty: none
    switches: Pairs  # of the backend
    libraries: int  # number of the set
    not_comparable: str  # why the numbers may not stand beside published ones; empty: they may


@dataclass
class Numbered:
    """Things in the order of their first use, numbered from 1, with how many records name each."""

    places: dict[Hashable, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def number(self, thing: Hashable) -> int:
        """The number of a thing, counted once more."""
        place = self.places.setdefault(thing, len(self.places) + 1)
        self.counts[place] = self.counts.get(place, 0) + 1
        return place

    @property
    def rows(self) -> list[tuple[int, Any, int]]:
        """Number, thing, and how many records name it."""
        return [(place, thing, self.counts[place]) for thing, place in self.places.items()]


@dataclass(frozen=True)
class Trail:
    """What the records of a report rest on, and which record rests on which."""

    makings: Numbered
    inputs: Numbered  # (path, sha256)
    libraries: Numbered  # (name, version) of a whole set
    of: dict[str, tuple[int, list[tuple[int, str]]]]  # record's path -> making; inputs with their hashes


def trail(data: ReportData) -> Trail:
    """Follow every record of a report."""
    found = Trail(Numbered(), Numbered(), Numbered(), {})
    for entry in data.entries:
        if entry.record is not None:
            making = found.makings.number(_making(entry.record, found.libraries))
            inputs = [(found.inputs.number(pair), pair[1]) for pair in sorted(entry.record.inputs.items())]
            found.of[entry.planned.path] = (making, inputs)
    return found


def _making(record: Measurement, libraries: Numbered) -> Making:
    return Making(
        command=record.command,
        code=record.code,
        metric_version=record.metric_version,
        protocol=record.protocol,
        protocol_version=record.protocol_version,
        revision=str(record.git.get("revision") or "unknown"),
        dirty=bool(record.git.get("dirty")),
        detector=_detector(record.detector),
        switches=tuple(sorted((str(name), str(value)) for name, value in record.flags.items())),
        libraries=libraries.number(tuple(sorted(record.versions.items()))),
        not_comparable="" if record.comparable else record.comparable_reason,
    )


def _detector(used: DetectorUsed | None) -> str:
    return f"{used.name}, preprocessing {used.preprocessing}, sha256 {used.weights_sha256}" if used else ""
