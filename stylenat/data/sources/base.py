"""What every kind of source of raw images offers."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True, order=True)
class Entry:
    """One raw image: its name within the source, a stamp that changes when its content does, and where it lies."""

    name: str
    stamp: str
    place: tuple[int, ...] = ()


class Source(Protocol):
    """A listed collection of images; a copy in another process can read, but carries no list."""

    place: str
    entries: list[Entry]

    def read(self, entry: Entry) -> bytes | np.ndarray:
        """The bytes of an image file, or uint8 (H, W, 3) pixels where the source holds them raw."""
        ...


class Unlisted:
    """What a pickled source leaves behind: 70,000 entries, of which each reader is told one by one."""

    def __getstate__(self) -> dict[str, Any]:
        """State without the entries."""
        return {**self.__dict__, "entries": []}


def is_image(name: PurePosixPath) -> bool:
    """Whether a file's name is that of an image: hidden files and a Mac's resource forks are not."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden
