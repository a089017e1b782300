"""Stage `prepare`: check and resize the raw images of a data set into shards with a manifest."""

from pathlib import Path

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.data.checklist import Checklist, check_file, read_checklist
from stylenat.data.prepare import verify, write_prepared
from stylenat.data.sources import Source, open_source


def run(card: DatasetCard, raw: Path, out: Path, checklist: Path | None = None, workers: int | None = None) -> None:
    """Prepare raw images; `out` is the manifest, its shards lie beside it.

    `raw` is a folder of images, a zip, TFRecords, LMDB or parquet; `checklist` is what FFHQ's official list or another
    manifest says of every image. A run that was stopped goes on where it was: whole shards of the same plan are kept.

    Raises:
        InputError: images are missing, too much or unusable; all of them are listed beside `out`.
    """
    source, expected = _open(card, raw, checklist)
    write_prepared(source, card, Path(out), expected, workers)


def run_verify(
    card: DatasetCard, raw: Path, out: Path, checklist: Path | None = None, workers: int | None = None
) -> None:
    """Check raw images as `run` does and write no image; what is wrong is listed in the folder of `out`.

    Raises:
        InputError: images are missing, too much or unusable.
    """
    source, expected = _open(card, raw, checklist)
    verify(source, card, Path(out).parent, expected, workers)


def _open(card: DatasetCard, raw: Path, checklist: Path | None) -> tuple[Source, Checklist | None]:
    """The source and the list; both agree with the card, or InputError is raised."""
    if card.source.archive is not None:
        check_file(Path(raw), card.source.archive)
    source = open_source(Path(raw), card.resolution if card.resize_filter == "none" else None)
    listed = card.source.checklist
    if checklist is None:
        if listed is not None:
            origin = f" ({listed.url})" if listed.url else ""
            raise InputError(f"data set '{card.name}': found no --checklist, expected {listed.path}{origin}")
        return source, None
    if listed is not None:
        check_file(Path(checklist), listed)
    return source, read_checklist(Path(checklist))
