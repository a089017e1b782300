"""Stage `fetch`: the demo's raw images, and detector weights. Nothing is downloaded."""

import io
import os
import shutil
import tempfile
from pathlib import Path

import torch

from stylenat.core.cards import DatasetCard, DetectorCard
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_file
from stylenat.data.photographs import write_crops
from stylenat.features.random_inception import random_inception


def run_images(card: DatasetCard, out: Path) -> None:
    """Write the raw images of a set that is made from the bundled photographs into the new folder `out`.

    Raises:
        InputError: the set's images are the user's own, or `out` holds files already.
    """
    source, out = card.source, Path(out)
    if source.crops is None or source.crop_px is None:
        raise InputError(f"data set '{card.name}' takes its images from {source.path}: there is nothing to fetch")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: holds files already; remove it to make it again")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    try:
        images = temporary / "images"  # made with the user's permissions, unlike the temporary folder
        images.mkdir()
        write_crops(images, source.crops, source.crop_px)
        os.replace(images, out)
    finally:
        shutil.rmtree(temporary)


def run_weights(card: DetectorCard, folder: Path, out: Path) -> None:
    """Write a detector's weights to `out`: seeded random numbers, or the file that the user put into `folder`.

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
    path, sha256 = folder / card.weights.file, card.weights.sha256
    if not path.is_file():
        expected = f", sha256 {sha256}" if sha256 else ""
        origin = f" ({card.weights.url})" if card.weights.url else ""
        raise InputError(f"{path}: no such file; put the weights of detector '{card.name}' there{expected}{origin}")
    if sha256 is not None:
        found = sha256_file(path)
        if found != sha256:
            raise InputError(f"{path}: sha256 is {found}, expected {sha256}")
    return path
