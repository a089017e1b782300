"""The full name of a measured number: what it must be quoted with, so that nobody takes it for another."""

from collections.abc import Iterable
from dataclasses import dataclass

from stylenat.core.records import Measurement
from stylenat.report.load import Entry, ReportData

NOTHING = ("no images", "no reals", "no detector")  # what a number of the network itself needs of these
SHORT_HASH = 8  # hex digits that tell detector weights apart on a page


@dataclass(frozen=True)
class FullName:
    """Protocol, number of images, seeds, filter of the reals, detector and device behind one number."""

    protocol: str
    images: str
    seeds: str
    reals: str  # filter and set
    detector: str  # name and preprocessing class
    sha256: tuple[str, ...]  # of the detector's weights; empty without a detector
    device: str

    @property
    def short(self) -> str:
        """One line for a page; the detector's weights by their first digits."""
        return self._line([f"{digest[:SHORT_HASH]}…" for digest in self.sha256])

    @property
    def full(self) -> str:
        """One line with the whole SHA-256 of the detector's weights."""
        return self._line(self.sha256)

    def _line(self, digests: Iterable[str]) -> str:
        detector = ", ".join([self.detector, *(f"sha256 {digest}" for digest in digests)])
        parts = [self.protocol, self.images, self.seeds, self.reals, detector, self.device]
        if (self.images, self.reals, self.detector) == NOTHING:
            parts = [self.protocol, self.seeds, "no images, reals or detector", self.device]
        return " · ".join(parts)


def name_of(data: ReportData, entries: Iterable[Entry]) -> FullName:
    """The full name of a number made from these measurements; where they differ, it tells all there is."""
    made = [entry for entry in entries if entry.record is not None and entry.value is not None]
    records = [entry.record for entry in made]
    seeds = sorted({record.seed for record in records})
    return FullName(
        protocol=_joined(f"{record.protocol} version {record.protocol_version}" for record in records),
        images=_joined(_images(record) for record in records),
        seeds=f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}",
        reals=_joined(_reals(data, entry) for entry in made),
        detector=_joined(_detector(record) for record in records),
        sha256=tuple(dict.fromkeys(record.detector.weights_sha256 for record in records if record.detector)),
        device=_joined(device(record) for record in records),
    )


def images(record: Measurement | None) -> str:
    """How many images a measurement rests on, and which random subset of the reals; empty for the network itself."""
    if record is None or (record.fakes is None and record.reals is None):
        return ""
    fakes = f"{record.fakes.count:,} fake" if record.fakes else "fakes not recorded"
    if record.reals is None:
        return f"{fakes}, reals not recorded"
    seed = record.reals.subset_seed
    subset = "all of the set" if seed is None else f"subset seed {seed}"
    return f"{fakes}, {record.reals.count:,} real ({subset})"


def resize_filter(data: ReportData, entry: Entry) -> str:
    """The resize filter of the reals, as recorded, else as the set's card has it; empty for the network itself."""
    if entry.record is not None and entry.record.reals is not None:
        return entry.record.reals.resize_filter
    card = data.datasets.get(entry.planned.dataset)
    return card.resize_filter if card else ""


def device(record: Measurement) -> str:
    """What made the images and the number."""
    own = str(record.device.get("name", "")) or "device not recorded"
    if record.fakes is None or record.fakes.device == own:
        return own
    return f"images on {record.fakes.device}, metric on {own}"


def _images(record: Measurement) -> str:
    return images(record) or ("images not recorded" if record.dataset else NOTHING[0])


def _reals(data: ReportData, entry: Entry) -> str:
    dataset = entry.planned.dataset
    return f"{resize_filter(data, entry) or 'filter not recorded'} ({dataset})" if dataset else NOTHING[1]


def _detector(record: Measurement) -> str:
    used = record.detector
    if used is None:
        return "detector not recorded" if record.dataset else NOTHING[2]
    return f"{used.name}, preprocessing {used.preprocessing}"


def _joined(parts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(parts))
