"""Stage `fetch`: raw images, cut from bundled photographs or downloaded, and detector weights."""

import io
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath

import torch

from stylenat.core.cards import DatasetCard, DetectorCard, RawFile, Source
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path
from stylenat.core.supplied import supplied_weights
from stylenat.data.checklist import Expected, read_checklist
from stylenat.data.download import Item, download
from stylenat.data.photographs import write_crops
from stylenat.features.random_inception import random_inception


def run_images(card: DatasetCard, out: Path, workers: int = 8) -> None:
    """Bring the raw images of a data set into `out`: a new folder for photographs, the run's data folder for downloads.

    A download goes on where an earlier one stopped, and what is there already is checked again.

    Raises:
        InputError: nothing says where the images are, `out` can't take them, or some of them can't be had.
    """
    source, out = card.source, Path(out)
    if source.crops is not None and source.crop_px is not None:
        _cut_photographs(source.crops, source.crop_px, out)
    elif source.archive is not None and source.archive.url:
        download([_item(source.archive)], out, workers=workers)
    elif source.checklist is not None and source.checklist.url:
        download([_item(source.checklist)], out, workers=workers)
        listed = read_checklist(out / source.checklist.path)
        folder = PurePosixPath(source.checklist.path).parent
        download([_listed_item(image, folder, source, listed.place) for image in listed.images], out, workers=workers)
    else:
        raise InputError(
            f"data set '{card.name}' takes its images from {source.path}: nothing says where to fetch them"
        )


def _item(file: RawFile) -> Item:
    return Item(file.url, file.path, file.bytes, file.md5)


def _listed_item(image: Expected, folder: PurePosixPath, source: Source, place: str) -> Item:
    if image.file_path is None or image.file_url is None or image.file_md5 is None or image.file_size is None:
        raise InputError(f"{place}: image {image.name}: found no address, size or md5 of its file")
    path = folder / image.file_path
    if source.path is None or not path.is_relative_to(source.path):
        raise InputError(f"{place}: image {image.name}: found the path {path}, expected one in {source.path}")
    return Item(image.file_url, str(path), image.file_size, image.file_md5)


def _cut_photographs(crops: int, crop_px: int, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: holds files already; remove it to make it again")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    try:
        images = temporary / "images"  # made with the user's permissions, unlike the temporary folder
        images.mkdir()
        write_crops(images, crops, crop_px)
        os.replace(images, out)
    finally:
        shutil.rmtree(temporary)


def run_weights(card: DetectorCard, folder: Path, out: Path) -> None:
    """Write a detector's weights to `out`: seeded random numbers, or the file that the user put into `folder`.

    A file that is not there under its name is looked for by its sha256 among the folder's other files.

    Raises:
        InputError: the file is missing, or its sha256 is not the card's.
    """
    if card.weights.random_seed is not None:
        buffer = io.BytesIO()  # a file would write its own, temporary name into the archive
        torch.save(random_inception(card.weights.random_seed), buffer)
        with atomic_path(out) as temporary:
            temporary.write_bytes(buffer.getvalue())
        return
    source = supplied_weights(card, Path(folder))
    with atomic_path(out) as temporary:
        shutil.copyfile(source, temporary)
