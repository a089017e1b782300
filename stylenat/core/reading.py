"""Looking into a results folder that others write to at the same time: nothing here raises, and nothing is written.

A file that isn't there is as good as one not made yet. What is there and can't be read is kept, a reason each.
"""

import json
import os
from pathlib import Path
from typing import Any

LARGEST_JSON_BYTES = 16 << 20  # a list of records has kilobytes; anything larger is somebody else's file
TAIL_BYTES = 1 << 16
LONGEST_WORDS = 500


def one_line(text: Any) -> str:
    """Words from a file, made fit to be shown: one line, printable, not too long; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    words = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return words if len(words) <= LONGEST_WORDS else words[: LONGEST_WORDS - 3] + "..."


def parsed(text: str) -> Any:
    """What a JSON text holds; None when it is no valid JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class Reader:
    """Reads below one folder; paths are relative to it. `faults` says what could not be read, by path."""

    def __init__(self, root: Path) -> None:
        self.root, self.faults = root, dict[str, str]()
        self._kinds: dict[str, dict[str, str]] = {}

    def kinds(self, folder: str) -> dict[str, str]:
        """The names in a folder, each `file`, `folder` or `other`; read once, so that a folder costs one request."""
        if folder not in self._kinds:
            self._kinds[folder] = self._listed(folder)
        return self._kinds[folder]

    def _listed(self, folder: str) -> dict[str, str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return {entry.name: _kind(entry) for entry in entries}
        except FileNotFoundError:
            return {}
        except OSError as error:
            return self._fault(folder, error.strerror or "can't be read") or {}

    def has(self, path: str, kind: str = "file") -> bool:
        """Whether a file (or another kind) lies there."""
        folder, _, name = path.rpartition("/")
        return self.kinds(folder).get(name) == kind

    def json(self, path: str) -> dict[str, Any] | None:
        """The mapping that a file holds; None when there is none, or no such file."""
        content = self._read(path, 0, LARGEST_JSON_BYTES + 1)
        if content is None:
            return None
        if len(content) > LARGEST_JSON_BYTES:
            return self._fault(path, f"found more than {LARGEST_JSON_BYTES} bytes")
        found = parsed(content.decode("utf-8", errors="replace"))
        return found if isinstance(found, dict) else self._fault(path, "found no JSON mapping")

    def tail(self, path: str) -> list[str]:
        """The last lines of a text, without empty ones; the first may be cut, the last one half-written."""
        content = self._read(path, -TAIL_BYTES, TAIL_BYTES)
        lines = (content or b"").decode("utf-8", errors="replace").splitlines()
        return [line for line in lines if line.strip()]

    def touched(self, path: str) -> float | None:
        """When a file was last written to, in seconds since the epoch; None when it is gone."""
        try:
            return os.stat(self.root / path).st_mtime
        except OSError:
            return None

    def _read(self, path: str, start: int, count: int) -> bytes | None:
        """Bytes of a regular file, from its end where `start` is negative; anything else might block for ever."""
        if not self.has(path):
            return None
        try:
            with open(self.root / path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size + start) if start < 0 else start)
                return file.read(count)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._fault(path, error.strerror or "can't be read")

    def _fault(self, path: str, reason: str) -> None:
        self.faults[path] = reason


def _kind(entry: os.DirEntry) -> str:
    """Links count as what they lead to."""
    try:
        if entry.is_file():
            return "file"
        return "folder" if entry.is_dir() else "other"
    except OSError:
        return "other"
