"""Which raw image fills which place of a set.

Without a list the images stand in the order of their names. With one, an image's place is what its name says (FFHQ's
files are called 00000 to 69999), or, in sources whose names say nothing (TFRecords, most parquet), what its pixels say.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.data.checklist import Checklist
from stylenat.data.examine import Slot, identify
from stylenat.data.faults import Fault
from stylenat.data.sources import Entry, Source
from stylenat.data.stream import Pool

IDENTITIES_FILE = "identities.jsonl"
Slots = list[Slot | None]  # None: nothing fills this place


def arrange(
    source: Source, card: DatasetCard, checklist: Checklist | None, pool: Pool, folder: Path
) -> tuple[Slots, list[Fault]]:
    """One slot for each image of the set, in order, and what is missing or too much.

    Raises:
        InputError: without a list, when there are fewer or more images than the card says.
    """
    if checklist is None:
        if len(source.entries) != card.count:
            raise InputError(f"found {len(source.entries)} images in {source.place}, expected {card.count}")
        return [Slot(entry.name, entry, None) for entry in source.entries], []
    by_stem = _by_stem(checklist)
    named = sum(_stem(entry.name) in by_stem for entry in source.entries)
    if 2 * named >= len(source.entries) > 0:
        return _fill(source, checklist, ((entry, by_stem.get(_stem(entry.name), [])) for entry in source.entries))
    faults: list[Fault] = []
    places = _by_content(source, checklist, pool, folder, faults)
    slots, others = _fill(source, checklist, places)
    return slots, faults + others


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _by_stem(checklist: Checklist) -> Mapping[str, list[int]]:
    """Numbers by the stem of the name; nothing where stems don't tell images apart."""
    found = {_stem(image.name): [number] for number, image in enumerate(checklist.images)}
    return found if len(found) == len(checklist.images) else {}


def _fill(source: Source, checklist: Checklist, places: Iterator[tuple[Entry, list[int]]]) -> tuple[Slots, list[Fault]]:
    """Each entry into the first free one of the places that are its own; the others are too much."""
    slots: Slots = [None] * len(checklist.images)
    faults = []
    for entry, numbers in places:
        free = next((number for number in numbers if slots[number] is None), None)
        if free is not None:
            slots[free] = Slot(checklist.images[free].name, entry, checklist.images[free])
            continue
        why = f"no image of {checklist.place} has its name or pixels"
        if numbers:
            why = f"it is the same image as {slots[numbers[-1]].entry.name}"
        faults.append(Fault("surplus", entry.name, f"{source.place}/{entry.name}: found an image too many: {why}"))
    for number, slot in enumerate(slots):
        if slot is None:
            name = checklist.images[number].name
            faults.append(Fault("missing", name, f"{source.place}: image {name} of {checklist.place} is missing"))
    return slots, faults


def _by_content(
    source: Source, checklist: Checklist, pool: Pool, folder: Path, faults: list[Fault]
) -> Iterator[tuple[Entry, list[int]]]:
    """Entries with the numbers of the images that have their pixels; what an earlier run saw is not decoded again."""
    path = folder / IDENTITIES_FILE
    known = _read_identities(path)
    fresh = [entry for entry in source.entries if (entry.name, entry.stamp) not in known]
    folder.mkdir(parents=True, exist_ok=True)
    found = pool.in_order(identify, fresh)
    with open(path, "a", encoding="utf-8") as file:
        for entry in source.entries:
            md5 = known.get((entry.name, entry.stamp))
            if md5 is None:
                result = next(found)
                if isinstance(result, Fault):
                    faults.append(result)
                    continue
                md5 = result
                file.write(json.dumps([entry.name, entry.stamp, md5]) + "\n")
            yield entry, list(checklist.numbers.get(md5, ()))


def _read_identities(path: Path) -> dict[tuple[str, str], str]:
    """What earlier runs wrote; the last line of a killed one may be torn."""
    found = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                name, stamp, md5 = json.loads(line)
            except (ValueError, TypeError):
                continue
            found[name, stamp] = md5
    return found
