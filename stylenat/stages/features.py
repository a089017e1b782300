"""Stage `features`: one detector's features of a set of images, with what they were made of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stylenat.core.cards import DetectorCard
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.data.view import open_prepared
from stylenat.features.extract import build_extractor, extract
from stylenat.features.table import FeatureTable, write_table

BATCH_SIZE = 32


def run(detector: DetectorCard, weights: Path, images: Path, out: Path, device: str) -> None:
    """Extract features of samples (`.npy`, uint8 (N, 3, H, W)) or of a prepared set (its manifest) into an `.npz`.

    The `.npz` holds `features` (N, D) float32, `detector`, `weights_sha256`, and `images`: the set's fingerprint, or
    the SHA-256 of the samples' file.

    Raises:
        InputError: images or weights can't be read, or the device is not there.
    """
    where = get_device(device)
    identity, count, batches = _open(Path(images))
    extractor = build_extractor(detector, weights, where)
    total = -(-count // BATCH_SIZE)
    feature_ND = extract(extractor, tqdm(batches, desc=f"features {detector.name}", total=total, disable=None), where)
    write_table(FeatureTable(Path(out), feature_ND, detector.name, sha256_file(weights), identity))


def _open(images: Path) -> tuple[str, int, Iterator[torch.Tensor]]:
    """Identity, number and batches of the images."""
    if images.suffix == ".json":
        prepared = open_prepared(images)
        starts = range(0, len(prepared), BATCH_SIZE)
        batches = (prepared.images_at(range(start, min(start + BATCH_SIZE, len(prepared)))) for start in starts)
        return prepared.fingerprint, len(prepared), batches
    try:
        pixel_NCHW = np.load(images, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InputError(f"{images}: not a readable .npy file of images ({error})") from None
    if pixel_NCHW.dtype != np.uint8 or pixel_NCHW.ndim != 4 or pixel_NCHW.shape[1] != 3:
        raise InputError(f"{images}: found {pixel_NCHW.dtype} {pixel_NCHW.shape}, expected uint8 (N, 3, H, W)")
    starts = range(0, len(pixel_NCHW), BATCH_SIZE)
    batches = (torch.from_numpy(np.array(pixel_NCHW[start : start + BATCH_SIZE])) for start in starts)
    return sha256_file(images), len(pixel_NCHW), batches
