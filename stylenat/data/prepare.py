"""From raw images to a prepared set: arrange, check, resize, write, and say in a manifest what came of it."""

from collections.abc import Sequence
from pathlib import Path

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.core.files import remove_leftovers
from stylenat.core.seeds import subset
from stylenat.data.arrange import Slots, arrange
from stylenat.data.checklist import Checklist
from stylenat.data.decode import DECODER
from stylenat.data.examine import Work, find_fault
from stylenat.data.faults import FAULTS_FILE, Fault, report_faults
from stylenat.data.manifest import Manifest, Shard, fingerprint, write_manifest
from stylenat.data.resize import library_of
from stylenat.data.shards import SHARD_FOLDER, ShardNote, WrittenShard, shard_name, write_shards
from stylenat.data.sources import Source
from stylenat.data.stream import open_pool, usable_cores

IMAGES_A_WORKER = 100  # what a process must have to do to be worth starting


def write_prepared(
    source: Source, card: DatasetCard, out: Path, checklist: Checklist | None = None, workers: int | None = None
) -> Manifest:
    """Write the shards of a source and, last, the manifest at `out`; shards that still fit are kept.

    Raises:
        InputError: an image is missing, unusable or too much (all are listed beside `out`), or the set is not the
            one that the card's fingerprint names.
    """
    _check_list(card, checklist)
    for path in (out, out.parent / FAULTS_FILE):
        remove_leftovers(path)
    with open_pool(Work(source, card), _worth(workers, card)) as pool:
        slots, faults = arrange(source, card, checklist, pool, out.parent)
        shards, unusable = write_shards(slots, card, out, pool)
    faults += unusable
    if checklist is None:
        faults += _duplicates(source, shards)
    report_faults(faults, source.place, card.count, out.parent)
    manifest = _manifest(slots, card, checklist, [shard.note for shard in shards])
    if card.fingerprint not in (None, manifest.fingerprint):
        raise InputError(
            f"data set '{card.name}': its fingerprint is {manifest.fingerprint}, expected {card.fingerprint}: the raw"
            f" images, the decoder ({DECODER}) or the filter ({manifest.library}) are not those of the card"
        )
    write_manifest(out, manifest)
    return manifest


def verify(source: Source, card: DatasetCard, folder: Path, checklist: Checklist | None, workers: int | None) -> None:
    """Decode and check every raw image without writing any; what is wrong is listed in `folder`.

    Raises:
        InputError: an image is missing, unusable or too much.
    """
    _check_list(card, checklist)
    with open_pool(Work(source, card), _worth(workers, card)) as pool:
        slots, faults = arrange(source, card, checklist, pool, folder)
        found = pool.in_order(find_fault, (slot for slot in slots if slot))
        faults += [fault for fault in found if fault is not None]
    report_faults(faults, source.place, card.count, folder)


def _worth(workers: int | None, card: DatasetCard) -> int:
    """As many processes as asked for, or one a core; few images are done before a process has started."""
    return min(workers or usable_cores(), 1 + card.count // IMAGES_A_WORKER)


def _check_list(card: DatasetCard, checklist: Checklist | None) -> None:
    """A list must be of as many images as the card's set, and put them into the same splits."""
    if checklist is None:
        return
    if len(checklist.images) != card.count:
        raise InputError(
            f"{checklist.place}: lists {len(checklist.images)} images, data set '{card.name}' {card.count}"
        )
    for name, (start, stop) in card.splits.items():
        for number in range(start, stop):
            category = checklist.images[number].category
            if category not in (None, name):
                raise InputError(
                    f"{checklist.place}: image {number} belongs to '{category}', data set '{card.name}' puts it into"
                    f" '{name}'"
                )


def _duplicates(source: Source, shards: Sequence[WrittenShard]) -> list[Fault]:
    """Images with the pixels of another one: without a list, nothing says that they belong there twice."""
    first: dict[str, str] = {}
    faults = []
    whole = [shard for shard in shards if shard.note is not None]
    for slot, md5 in ((slot, md5) for s in whole for slot, md5 in zip(s.slots, s.note.source_md5, strict=True)):
        name = slot.entry.name
        if md5 in first:
            what = f"{source.place}/{name}: found the same pixels as in {first[md5]}, expected different images"
            faults.append(Fault("duplicate", name, what))
        first.setdefault(md5, name)
    return faults


def _manifest(slots: Slots, card: DatasetCard, checklist: Checklist | None, notes: Sequence[ShardNote]) -> Manifest:
    md5s = [md5 for note in notes for md5 in note.pixel_md5]
    return Manifest(
        dataset=card.name,
        count=len(md5s),
        resolution=card.resolution,
        resize_filter=card.resize_filter,
        library=library_of(card.resize_filter),
        decoder=DECODER,
        checklist=None if checklist is None else checklist.md5,
        fingerprint=fingerprint(md5s, card.resolution),
        shards=[
            Shard(file=f"{SHARD_FOLDER}/{shard_name(number)}", count=note.count, sha256=note.sha256)
            for number, note in enumerate(notes)
        ],
        splits=card.splits,
        subsets={name: subset(one.seed, one.count, card.count).tolist() for name, one in card.subsets.items()},
        names=[slot.name for slot in slots],
        source_md5=[md5 for note in notes for md5 in note.source_md5],
        pixel_md5=md5s,
    )
