"""One raw image, decoded and compared with what it must be.

Shape suffixes: pixel_HWC uint8 RGB images.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from stylenat.core.cards import DatasetCard
from stylenat.core.errors import InputError
from stylenat.data.checklist import Expected
from stylenat.data.decode import check_square, decode
from stylenat.data.faults import Fault
from stylenat.data.sources import Entry, Source


@dataclass(frozen=True)
class Slot:
    """A place in a set, by its name there: which raw image fills it, and what that must be, where a list says so."""

    name: str
    entry: Entry
    expected: Expected | None


@dataclass(frozen=True)
class Work:
    """What the images of a set share: their source, and the card of what they become."""

    source: Source
    card: DatasetCard


def pixel_md5(pixel_HWC: np.ndarray) -> str:
    """MD5 of the (H, W, 3) bytes in hex, as in FFHQ's list."""
    return hashlib.md5(np.ascontiguousarray(pixel_HWC), usedforsecurity=False).hexdigest()


def identify(work: Work, entry: Entry) -> str | Fault:
    """The MD5 of a raw image's pixels; or what is wrong with it."""
    found = examine(work, Slot(entry.name, entry, None))
    return found if isinstance(found, Fault) else found[1]


def find_fault(work: Work, slot: Slot) -> Fault | None:
    """What is wrong with a raw image; none when it is as it must be."""
    found = examine(work, slot)
    return found if isinstance(found, Fault) else None


def examine(work: Work, slot: Slot) -> tuple[np.ndarray, str] | Fault:
    """The pixels of a raw image, (H, W, 3) uint8 and square, with their MD5; or what is wrong with it."""
    source, min_px = work.source, work.card.resolution
    where, expected = f"{source.place}/{slot.entry.name}", slot.expected
    data = b""
    try:
        data = source.read(slot.entry)
        if isinstance(data, bytes):
            pixel_HWC = decode(data, where)
        else:
            pixel_HWC = data
            check_square(pixel_HWC, where)
        side_px = pixel_HWC.shape[0]
        if side_px < min_px:
            raise InputError(f"{where}: found {side_px}x{side_px} px, expected at least {min_px}x{min_px}")
    except InputError as error:
        return _unusable(slot, len(data) if isinstance(data, bytes) else None, str(error))
    if _is_released_file(data, expected):
        return pixel_HWC, expected.pixel_md5
    md5 = pixel_md5(pixel_HWC)
    if expected is not None and md5 != expected.pixel_md5:
        return Fault("altered", slot.entry.name, f"{where}: {_difference(side_px, md5, expected)}")
    return pixel_HWC, md5


def _is_released_file(data: bytes | np.ndarray, expected: Expected | None) -> bool:
    """Whether a file is the released one to the byte, so that its pixels need not be hashed, which takes twice as long.

    Of one image in sixteen they are hashed all the same: that holds the decoder to the pixels of the release.
    """
    if expected is None or not isinstance(data, bytes) or len(data) != expected.file_size:
        return False
    if expected.pixel_md5.startswith("0"):
        return False
    return hashlib.md5(data, usedforsecurity=False).hexdigest() == expected.file_md5


def _unusable(slot: Slot, size: int | None, message: str) -> Fault:
    expected = slot.expected
    if expected is None:
        return Fault("unusable", slot.entry.name, message)
    if size is not None and expected.file_size is not None and size < expected.file_size:
        truncated = f"{message}; found {size} bytes, the released file has {expected.file_size}"
        return Fault("truncated", slot.entry.name, truncated)
    return Fault("altered", slot.entry.name, message)


def _difference(side_px: int, md5: str, expected: Expected) -> str:
    if side_px != expected.side_px:
        return f"found {side_px}x{side_px} px, expected {expected.side_px}x{expected.side_px}"
    return f"its pixels have md5 {md5}, expected {expected.pixel_md5}"
