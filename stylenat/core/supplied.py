"""Detector weights that a user brings: found by name, then by content, in the folder that the run names."""

import sys
from pathlib import Path

from stylenat.core.cards import DetectorCard
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file

WEIGHT_SUFFIXES = (".pth", ".pt")
LARGEST_HASHED_BYTES, MOST_HASHED = 2 << 30, 16  # of files under other names; all detectors' files are smaller
FULL_SHA256 = 64  # digits


def supplied_weights(card: DetectorCard, folder: Path) -> Path:
    """The user's file, its sha256 checked in full or by the digits that the card knows.

    A file that is not there under its name is looked for by its sha256 among the folder's other files.

    Raises:
        InputError: it is not there, or its sha256 is another.
    """
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
