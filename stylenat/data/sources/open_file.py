"""A file that stays open and is read at any place."""

import os
import weakref
from pathlib import Path

from stylenat.core.errors import InputError


class OpenFile:
    """An open file; `read` may be called from several threads. It is closed with its last user."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"{path}: can't be read ({error.strerror})") from None
        self._path = path
        weakref.finalize(self, os.close, self._descriptor)
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        self.stamp = f"{status.st_size}-{status.st_mtime_ns}"

    def __reduce__(self) -> tuple[type["OpenFile"], tuple[Path]]:
        """Pickled, it is opened anew."""
        return OpenFile, (self._path,)

    def read(self, start: int, count: int, where: str) -> bytes:
        """Bytes from `start`; fewer than `count`, or an error of the disk, raise InputError beginning with `where`."""
        try:
            data = os.pread(self._descriptor, count, start)  # unlike seek and read, safe among threads
        except OSError as error:
            raise InputError(f"{where}: can't be read ({error.strerror})") from None
        if len(data) != count:
            raise InputError(f"{where}: truncated: found {len(data)} bytes, expected {count}")
        return data
