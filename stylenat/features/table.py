"""Feature files, written and read.

Shape suffixes: feature_ND float32 features of N images.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path


@dataclass(frozen=True)
class FeatureTable:
    """Features in the order of their images, and what they were made of."""

    path: Path
    feature_ND: np.ndarray
    detector: str
    weights_sha256: str
    images: str  # fingerprint of a prepared set, or SHA-256 of a file of samples


def write_table(table: FeatureTable) -> None:
    """Write a table to its path, an `.npz`, atomically."""
    with atomic_path(table.path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            features=table.feature_ND,
            detector=np.array(table.detector),
            weights_sha256=np.array(table.weights_sha256),
            images=np.array(table.images),
        )


def read_table(path: Path, detector: str) -> FeatureTable:
    """Read a table; it must be the named detector's.

    Raises:
        InputError: the file can't be read, lacks an entry, or is another detector's.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            words = {key: str(file[key]) for key in ("detector", "weights_sha256", "images")}
            feature_ND = file["features"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable file of features ({error})") from None
    if words["detector"] != detector:
        raise InputError(f"{path}: features of detector '{words['detector']}', expected '{detector}'")
    return FeatureTable(Path(path), feature_ND, **words)
