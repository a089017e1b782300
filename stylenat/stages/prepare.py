"""Stage `prepare`: check and resize the raw images of a data set into shards with a manifest."""

from pathlib import Path

from stylenat.core.cards import DatasetCard
from stylenat.data.shards import write_prepared
from stylenat.data.sources import open_source


def run(card: DatasetCard, raw: Path, out: Path) -> None:
    """Prepare the raw images in a folder or zip file; `out` is the manifest, its shards lie beside it.

    A run that was stopped goes on where it was: whole shards of the same plan are kept.

    Raises:
        InputError: there are too few or too many images, or one of them is unusable.
    """
    source = open_source(raw, card.count)
    write_prepared(source, card, Path(out))
