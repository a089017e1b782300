"""Which measured numbers may stand on one axis: those made by one version of one protocol, and alike in all else."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from stylenat.report.comparison import Averaged, averages
from stylenat.report.load import Entry, ReportData

DEMO, APART = "demo numbers", "not comparable with published numbers"


@dataclass(frozen=True)
class Standing:
    """What a number may be set beside."""

    words: str  # empty: beside published numbers

    @property
    def title(self) -> str:
        """Words for the beginning of a title; demo numbers in capitals, so that nobody overlooks them."""
        return f"{self.words.upper() if self.words == DEMO else self.words.capitalize()}: " if self.words else ""


def standing_of(entry: Entry) -> Standing:
    """How a measured number must be labelled."""
    if entry.label:
        return Standing(DEMO)
    return Standing("" if entry.record is not None and entry.record.comparable else APART)


def current(data: ReportData, entries: Iterable[Entry]) -> list[Entry]:
    """The measurements with a finite value that were made by their protocol as it is now."""
    versions = {name: card.version for name, card in data.protocols.items()}
    return [
        entry
        for entry in entries
        if entry.record is not None and entry.value is not None and math.isfinite(entry.value)
        if entry.record.protocol_version == versions.get(entry.planned.protocol)
    ]


def mean_of(data: ReportData, entries: list[Entry]) -> Averaged:
    """The mean of one model's measurements that are alike."""
    return averages(data, entries)[0]


def conditions(entry: Entry) -> tuple[str, ...]:
    """What distances share that may be ranked: set and number of reals, number of fakes, detector, and their label."""
    record = entry.record
    reals = (record.reals.fingerprint, str(record.reals.count)) if record.reals else ("", "")
    fakes = str(record.fakes.count) if record.fakes else ""
    detector = record.detector.weights_sha256 if record.detector else ""
    return (entry.planned.dataset, *reals, fakes, detector, standing_of(entry).words)


def reasons(entries: Iterable[Entry]) -> str:
    """Why there is no number, each reason once; empty where nothing was planned."""
    found = [entry.reason or "made by another version of the protocol" for entry in entries]
    return "; ".join(dict.fromkeys(found))
