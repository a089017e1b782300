"""Raw pixels in TFRecords, as FFHQ's multi-resolution files hold them, read without TensorFlow.

A record is the length of its data (8 bytes), a checksum of the length (4), the data, and a checksum of the data (4).
Shape suffixes: pixel_CHW, pixel_HWC uint8 RGB images.
"""

import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import numpy as np

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Unlisted
from stylenat.data.sources.example_proto import parse_example
from stylenat.data.sources.open_file import OpenFile

_SIZE_IN_NAME = re.compile(r"-r(\d\d)\.tfrecords$")  # the power of two of the side
_HEAD = struct.Struct("<QI")  # length of the data, checksum of these eight bytes
_LENGTH_BYTES = 8
_FOOT = struct.Struct("<I")  # checksum of the data
_MASK_SHIFT = 0xA282EAD8
_CHANNELS = 3


class TFRecordSource(Unlisted):
    """The records of one file, in its order; of a folder of files for several sizes, those of one."""

    def __init__(self, path: Path, side_px: int | None) -> None:
        file = Path(path)
        if file.is_dir():
            side_px, file = _pick(file, side_px)
        self.place = str(file)
        self._file = OpenFile(file)
        self.entries = list(self._index())
        first_CHW = self._decode(self.entries[0])
        self._side_px = first_CHW.shape[1]
        if side_px not in (None, self._side_px):
            raise InputError(f"{file}: found images of {self._side_px} px, expected {side_px} px")

    def read(self, entry: Entry) -> np.ndarray:
        """The pixels of one record, (H, W, 3) uint8; a damaged or strange record raises InputError."""
        pixel_CHW = self._decode(entry)
        height_px, width_px = pixel_CHW.shape[1:]
        if height_px != self._side_px or width_px != self._side_px:
            expected = f"{self._side_px}x{self._side_px}"
            raise InputError(f"{self.place}/{entry.name}: found {width_px}x{height_px} px, expected {expected}")
        return np.ascontiguousarray(pixel_CHW.transpose(1, 2, 0))

    def _index(self) -> Iterator[Entry]:
        """Where each record lies, from the lengths alone."""
        size = self._file.size
        if size == 0:
            raise InputError(f"{self.place}: found an empty file, expected TFRecords")
        start = number = 0
        while start < size:
            name = f"record-{number:06d}"
            head = self._file.read(start, _HEAD.size, f"{self.place}/{name}")
            length, checksum = _HEAD.unpack(head)
            if _masked_crc(head[:_LENGTH_BYTES]) != checksum:
                guess = "damaged" if number else "not a TFRecord file"
                raise InputError(f"{self.place}/{name}: {guess}: the checksum of the record's length is wrong")
            end = start + _HEAD.size + length + _FOOT.size
            if end > size:
                raise InputError(f"{self.place}/{name}: truncated: found {size} bytes, expected at least {end}")
            yield Entry(name, f"{self._file.stamp}-{start}", (start + _HEAD.size, length))
            start, number = end, number + 1

    def _decode(self, entry: Entry) -> np.ndarray:
        start, length = entry.place
        where = f"{self.place}/{entry.name}"
        data = self._file.read(start, length + _FOOT.size, where)
        data, foot = data[:length], data[length:]
        if _masked_crc(data) != _FOOT.unpack(foot)[0]:
            raise InputError(f"{where}: damaged: the checksum of the record's data is wrong")
        try:
            return _pixels(data)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def _pick(folder: Path, side_px: int | None) -> tuple[int, Path]:
    """The side and the file of the images wanted, from the names of a folder's files."""
    files: dict[int, list[Path]] = defaultdict(list)
    for file in sorted(folder.glob("*.tfrecords")):
        if match := _SIZE_IN_NAME.search(file.name):
            files[1 << int(match[1])].append(file)
    if not files:
        raise InputError(f"{folder}: found no file named *-rNN.tfrecords, expected one for each size")
    wanted_px = max(files) if side_px is None else side_px
    if wanted_px not in files:
        raise InputError(f"{folder}: found files of {', '.join(map(str, sorted(files)))} px, expected {wanted_px} px")
    if len(files[wanted_px]) > 1:
        names = ", ".join(file.name for file in files[wanted_px])
        raise InputError(f"{folder}: found {names}, expected one file of {wanted_px} px")
    return wanted_px, files[wanted_px][0]


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_SHIFT) & 0xFFFFFFFF


def _pixels(data: bytes) -> np.ndarray:
    features = parse_example(data)
    if not {"shape", "data"} <= set(features):
        raise InputError(f"found the keys {sorted(features)}, expected 'shape' and 'data'")
    shape, values = features["shape"], features["data"]
    sides = [side for side in shape if isinstance(side, int) and side > 0]
    if len(sides) != len(shape) or len(sides) != 3 or sides[0] != _CHANNELS:
        raise InputError(f"found a 'shape' of {len(shape)} values, {sides[:3]}, expected three: [3, height, width]")
    if len(values) != 1 or not isinstance(values[0], memoryview):
        raise InputError(f"found {len(values)} values in 'data', expected one of bytes")
    expected = sides[0] * sides[1] * sides[2]
    if len(values[0]) != expected:
        raise InputError(f"found {len(values[0])} bytes of pixels, expected {expected} for the shape {sides}")
    return np.frombuffer(values[0], np.uint8).reshape(sides)
