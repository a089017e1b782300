"""Raw images: a folder or a zip file, sorted by name, decoded strictly.

Shape suffixes: pixel_HWC uint8 RGB images.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from PIL import Image

from stylenat.core.errors import InputError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_BYTE = 24  # of the file: bits a channel, in the IHDR chunk
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True, order=True)
class Entry:
    """One raw image: its name within the source, and a stamp that changes when its content does."""

    name: str
    stamp: str


class Source(Protocol):
    """A listed collection of image files; `read` may be called from several threads."""

    place: str
    entries: list[Entry]

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file."""
        ...


def _is_image(name: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden


class FolderSource:
    """The images under a folder, at any depth, sorted by relative path."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder)
        self._folder = folder
        self.entries = sorted(self._list())

    def _list(self) -> Iterator[Entry]:
        for parent, _, files in os.walk(self._folder, followlinks=True):
            for file in files:
                path = Path(parent, file)
                name = path.relative_to(self._folder)
                if _is_image(PurePosixPath(name.as_posix())):
                    status = path.stat()
                    yield Entry(name.as_posix(), f"{status.st_size}-{status.st_mtime_ns}")

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file."""
        return (self._folder / entry.name).read_bytes()


class ZipSource:
    """The images in a zip file, sorted by name."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not a readable zip file ({error})") from None
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        images = [info for info in infos if _is_image(PurePosixPath(info.filename))]
        self.entries = sorted(Entry(info.filename, f"{info.file_size}-{info.CRC:08x}") for info in images)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; a member with a wrong checksum raises InputError."""
        try:
            return self._zip.read(entry.name)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{self.place}/{entry.name}: can't be read ({error})") from None


def open_source(path: Path, expected_count: int) -> Source:
    """List the raw images of a folder or zip file.

    Raises:
        InputError: there is no such place, or it holds fewer or more images than expected.
    """
    path = Path(path)
    if path.is_dir():
        source: Source = FolderSource(path)
    elif path.is_file():
        source = ZipSource(path)
    else:
        raise InputError(f"{path}: no such folder or zip file of raw images")
    found = len(source.entries)
    if found != expected_count:
        raise InputError(f"found {found} images in {path}, expected {expected_count}")
    return source


def load(source: Source, entry: Entry, min_px: int) -> np.ndarray:
    """Decode one raw image: (H, W, 3) uint8, square, at least `min_px` wide.

    Raises:
        InputError: the file can't be decoded, is not 8-bit RGB, not square, or too small.
    """
    where = f"{source.place}/{entry.name}"
    data = source.read(entry)
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode = image.mode
            image.load()
            pixel_HWC = np.asarray(image)
    except _DECODE_ERRORS as error:
        raise InputError(f"{where}: can't be decoded ({error})") from None
    # Pillow silently reduces 16-bit PNGs to 8 bits.
    depth_bits = data[_PNG_DEPTH_BYTE] if data.startswith(_PNG_SIGNATURE) else 8
    if mode != "RGB" or depth_bits != 8:
        raise InputError(f"{where}: found mode {mode} with {depth_bits} bits a channel, expected 8-bit RGB")
    height_px, width_px = pixel_HWC.shape[:2]
    if height_px != width_px:
        raise InputError(f"{where}: found {width_px}x{height_px} px, expected a square image")
    if width_px < min_px:
        raise InputError(f"{where}: found {width_px}x{height_px} px, expected at least {min_px}x{min_px}")
    return pixel_HWC
