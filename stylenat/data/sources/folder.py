"""Images as files in a folder, nested or flat."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Unlisted, is_image


class FolderSource(Unlisted):
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
                if is_image(PurePosixPath(name.as_posix())):
                    yield Entry(name.as_posix(), _stamp(path))

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; one that can't be read raises InputError with its name."""
        try:
            return (self._folder / entry.name).read_bytes()
        except OSError as error:
            raise InputError(f"{self.place}/{entry.name}: can't be read ({error.strerror})") from None


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except FileNotFoundError:
        return "dangling"  # a link to nowhere is listed, so that reading it names it
    return f"{status.st_size}-{status.st_mtime_ns}"
