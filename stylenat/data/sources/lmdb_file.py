"""Image files in an LMDB database, as StyleSwin and StyleNAT keep them: the key `256-00000` is image 0 of 256 px."""

import re
from collections import defaultdict
from pathlib import Path

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Unlisted
from stylenat.data.sources.lmdb_pages import LmdbFile, Value

_KEY = re.compile(rb"([1-9]\d*)-(\d{5}|[1-9]\d{5,})")
_COUNT_KEY = b"length"
_LONGEST_COUNT = 20  # digits of a 64-bit number


class LmdbSource(Unlisted):
    """The images of one side in a database, a folder with `data.mdb` or that file itself, by index."""

    def __init__(self, path: Path, side_px: int | None) -> None:
        path = Path(path)
        self.place = str(path)
        self._file = LmdbFile(path / "data.mdb" if path.is_dir() else path)
        values = self._file.values()
        side_px, images = self._pick(values, side_px)
        if _COUNT_KEY in values:
            self._check_count(values[_COUNT_KEY], len(images), side_px)
        self.entries = [
            Entry(f"{index:05d}", f"{self._file.stamp}-{value.size}", value) for index, value in sorted(images.items())
        ]

    def read(self, entry: Entry) -> bytes:
        """The bytes of one image file; one that can't be read raises InputError with its name."""
        return self._file.read(Value(*entry.place), f"{self.place}/{entry.name}")

    def _pick(self, values: dict[bytes, Value], side_px: int | None) -> tuple[int, dict[int, Value]]:
        """The side wanted, and its images by index."""
        images: dict[int, dict[int, Value]] = defaultdict(dict)
        for key, value in values.items():
            if match := _KEY.fullmatch(key):
                images[int(match[1])][int(match[2])] = value
        if not images:
            found = f"keys such as {min(values)[:40]!r}" if values else "no keys"
            raise InputError(f"{self.place}: found {found}, expected keys like {b'256-00000'!r}")
        wanted_px = max(images) if side_px is None else side_px
        if wanted_px not in images:
            sides = ", ".join(map(str, sorted(images)))
            raise InputError(f"{self.place}: found images of {sides} px, expected {wanted_px} px")
        return wanted_px, images[wanted_px]

    def _check_count(self, value: Value, found: int, side_px: int) -> None:
        """Refuse a database that states another number of images than it has."""
        stated = self._file.read(value, f"{self.place}/{_COUNT_KEY.decode()}") if value.size <= _LONGEST_COUNT else b""
        if stated != b"%d" % found:
            expected = f"{stated!r} as the key {_COUNT_KEY!r} says"
            raise InputError(f"{self.place}: found {found} images of {side_px} px, expected {expected}")
