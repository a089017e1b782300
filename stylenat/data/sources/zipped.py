"""Images in a zip file."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Unlisted, is_image


class ZipSource(Unlisted):
    """The images in a zip file, sorted by name."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not a readable zip file ({error})") from None
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        self._refuse_strange_names(sorted(info.filename for info in infos))
        images = [info for info in infos if is_image(PurePosixPath(info.filename))]
        self.entries = sorted(Entry(info.filename, f"{info.file_size}-{info.CRC:08x}") for info in images)

    def __getstate__(self) -> dict[str, Any]:
        """State without the open file: processes that share one would read from each other's places."""
        return {**super().__getstate__(), "_zip": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file anew."""
        self.__dict__.update(state)
        self._zip = zipfile.ZipFile(self.place)

    def _refuse_strange_names(self, names: Sequence[str]) -> None:
        """Nothing is unpacked here, but a name that leaves its folder, or stands twice, is no honest archive's."""
        for before, name in zip(["", *names], names, strict=False):
            path = PurePosixPath(name.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts:
                raise InputError(f"{self.place}/{name}: found a name that leaves the archive, expected none with '..'")
            if name == before:
                raise InputError(f"{self.place}/{name}: found this name twice in the archive, expected it once")

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; a member with a wrong checksum raises InputError."""
        try:
            return self._zip.read(entry.name)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            # RuntimeError: the member is encrypted; NotImplementedError: packed in a way that Python doesn't know
            raise InputError(f"{self.place}/{entry.name}: can't be read ({error})") from None
