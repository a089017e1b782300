"""Stage `fetch`: raw images, cut from bundled photographs or downloaded, and detector weights."""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath

import torch

from stylenat.core.cards import DatasetCard, DetectorCard, RawFile, Source
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_file
from stylenat.data.checklist import Expected, read_checklist
from stylenat.data.download import Item, download
from stylenat.data.photographs import write_crops
from stylenat.features.random_inception import random_inception

WEIGHT_SUFFIXES = (".pth", ".pt")
LARGEST_HASHED_BYTES, MOST_HASHED = 2 << 30, 16  # of files under other names; all detectors' files are smaller
FULL_SHA256 = 64  # digits


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
    source = _supplied(card, Path(folder))
    with atomic_path(out) as temporary:
        shutil.copyfile(source, temporary)


def _supplied(card: DetectorCard, folder: Path) -> Path:
    """The user's file, its sha256 checked in full or by the digits that the card knows."""
    path, sha256 = folder / card.weights.file, card.weights.sha256
    if path.is_file():
        found = sha256_file(path) if sha256 else ""
        if sha256 and not found.startswith(sha256):
            raise InputError(f"{path}: sha256 is {found}, expected {_in_words(sha256)}")
        return path
    for other in _candidates(folder, path.suffix) if sha256 else []:
        if sha256_file(other).startswith(sha256):
            print(f"{other}: taken for {path.name}: its sha256 is {_in_words(sha256)}", file=sys.stderr)
            return other
    expected = f", sha256 {_in_words(sha256)}" if sha256 else ""
    origin = f" ({card.weights.url})" if card.weights.url else ""
    raise InputError(f"{path}: no such file; put the weights of detector '{card.name}' there{expected}{origin}")


def _candidates(folder: Path, suffix: str) -> list[Path]:
    """The files that may be weights under another name, few and small enough to be hashed."""
    files = [path for path in sorted(folder.glob("*")) if path.suffix in (suffix, *WEIGHT_SUFFIXES) and path.is_file()]
    return [path for path in files if path.stat().st_size <= LARGEST_HASHED_BYTES][:MOST_HASHED]


def _in_words(sha256: str) -> str:
    return sha256 if len(sha256) == FULL_SHA256 else f"{sha256}..."
