"""One writer at a time in a folder of downloads."""

import fcntl
import os
from pathlib import Path
from typing import IO

from stylenat.core.errors import InputError

_LOCK_NAME = ".download.lock"


def lock_folder(folder: Path) -> IO[bytes]:
    """Keep other processes from downloading into the folder: they would write into the same parts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(folder / _LOCK_NAME, os.O_WRONLY | os.O_CREAT, 0o666), "wb")
    except OSError as error:
        raise InputError(f"{folder}: can't be written ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{folder}: found another download into this folder, expected none") from None
    except OSError:  # a file system without locks
        pass
    return file
