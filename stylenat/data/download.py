"""Bringing files of known size and md5 into a folder, from hosts that stall, break off, refuse and send other things.

Whatever has its final name is right: a file is written beside it under a hidden name, and takes the name once its size
and md5 are checked. Nothing is fsynced, because every call checks again what is there.
"""

import hashlib
import os
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from stylenat.core.errors import InputError
from stylenat.core.files import write_text
from stylenat.data.drive_pages import Fault, QuotaFault
from stylenat.data.folder_lock import lock_folder
from stylenat.data.transfer import Again, Answer, Client, Halt

FAULTS_NAME = "download-faults.txt"
RESUME_BYTES = 1 << 20  # what is left of a broken transfer is thrown away when it is no longer than this
_CHUNK_BYTES = 1 << 17
_LONGEST_WAIT_S = 300.0
_NOT_ASKED = "not asked for"


@dataclass(frozen=True)
class Item:
    """A file to bring: where from, and its path below the download folder, length and md5 (in hex).

    Raises:
        InputError: the path doesn't lie below the folder or is a reserved name, or size or md5 can't be such.
    """

    url: str
    path: str
    size: int
    md5: str

    def __post_init__(self) -> None:
        """Refuse what can't be a file below the folder."""
        pure = PurePosixPath(self.path)
        below = str(pure) == self.path and self.path.isprintable() and not pure.is_absolute() and ".." not in pure.parts
        if not below or pure.name[:1] in ("", ".") or self.path == FAULTS_NAME:
            raise InputError(f"list of files: found the path {self.path!r}, expected one below the download folder")
        if self.size < 0 or not re.fullmatch(r"[0-9a-fA-F]{32}", self.md5):
            raise InputError(f"{self.path}: found size {self.size}, md5 {self.md5!r}, expected bytes and 32 hex digits")


class _SpentFault(Fault):
    """Every attempt failed."""


# After so many files in a row with one fault, the rest of them wouldn't fare better today.
_ENOUGH = {QuotaFault: 10, _SpentFault: 100}


def download(
    items: Sequence[Item],
    folder: Path,
    *,
    workers: int = 8,
    attempts: int = 6,
    stall_seconds: float = 30,
    first_wait_seconds: float = 1.0,
) -> None:
    """Bring every item into `folder`; what is there already and right is kept, what is there and wrong is removed.

    `attempts` are those in a row that bring a file no further.

    Raises:
        InputError: an item is not there at the end, the folder can't be written, or another download writes in it.
    """
    assert min(workers, attempts) >= 1
    folder = Path(folder)
    _refuse_twins(items)
    with lock_folder(folder), closing(Client(stall_seconds)) as client, ThreadPoolExecutor(workers) as pool:
        run = _Run(folder, client, attempts, first_wait_seconds)
        try:
            missing = run.find_missing(pool, items)
            faults = run.bring_all(pool, missing, items)
        finally:  # after an error or Ctrl-C the threads must end soon, for the pool waits for them
            client.halt()
            pool.shutdown(cancel_futures=True)
    _report(folder, len(items), faults)


class _Run:
    """What the threads of one call share."""

    def __init__(self, folder: Path, client: Client, attempts: int, first_wait_s: float) -> None:
        self._folder = folder
        self._attempts = attempts
        self._first_wait_s = first_wait_s
        self._client = client
        self._random = random.Random()
        self._lock = threading.Lock()  # of all that follows
        self._bar = tqdm(disable=True)
        self._enough = ""  # why no more files are asked for
        self._row: tuple[type, int] = (type(None), 0)  # the last fault's kind, and how many files in a row had it

    def find_missing(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> list[Item]:
        """The items that are not there, whole and right."""
        missing = []
        with _bar("check", items) as bar:
            for item, is_there in zip(items, pool.map(self._is_there, items), strict=True):
                bar.update(item.size)
                if not is_there:
                    missing.append(item)
        print(f"{self._folder}: {len(items) - len(missing)} of {len(items)} files are there", file=sys.stderr)
        return missing

    def bring_all(self, pool: ThreadPoolExecutor, missing: Sequence[Item], items: Sequence[Item]) -> dict[str, str]:
        """Bring the missing items; what was wrong with those that couldn't be had, by path."""
        with _bar("download", items, done=_bytes(items) - _bytes(missing)) as self._bar:
            faults = zip(missing, pool.map(self._bring, missing), strict=True)
            return {item.path: fault for item, fault in faults if fault}

    def _is_there(self, item: Item) -> bool:
        path = self._folder / item.path
        try:
            if path.stat().st_size == item.size and self._hash(path)[0].hexdigest() == item.md5.lower():
                return True
            path.unlink()
        except (FileNotFoundError, Halt):
            pass
        except OSError as error:
            self._client.halt()
            raise InputError(f"{path}: can't be checked ({error.strerror})") from None
        return False

    def _bring(self, item: Item) -> str:
        """Bring one item; what was wrong, or an empty string."""
        if self._enough:
            return f"{_NOT_ASKED} after {self._enough}"
        fault: Fault | None = None
        try:
            self._client.go_on()
            self._try(item)
        except Fault as error:
            fault = error
        except Halt:
            return "halted"
        except OSError as error:  # of this machine; those of the network have become Again or Fault
            self._client.halt()
            raise InputError(f"{self._folder / item.path}: can't be written ({error.strerror})") from None
        self._note(fault)
        return str(fault or "")

    def _note(self, fault: Fault | None) -> None:
        """Count how many files in a row had the same fault; after enough of them no more are asked for."""
        with self._lock:
            kind, count = self._row
            count = count + 1 if type(fault) is kind else 1
            self._row = (type(fault), count)
            if count >= _ENOUGH.get(type(fault), sys.maxsize):
                self._enough = self._enough or f"{count} files in a row: {fault}"

    def _try(self, item: Item) -> None:
        """Attempt again and again; raises Fault when the item can't be had."""
        path = self._folder / item.path
        part = path.with_name(f".{path.name}.part")
        tries, furthest = 0, _length(part)
        while True:
            try:
                return self._attempt(item, path, part)
            except Again as error:
                again = error
            if not again.keep:
                part.unlink(missing_ok=True)
            if _length(part) > furthest + RESUME_BYTES:
                tries, furthest = 0, _length(part)
            tries += 1
            if tries >= self._attempts:
                raise _SpentFault(f"{again}, attempt {tries} of {self._attempts}")
            backoff_s = self._first_wait_s * 2 ** (tries - 1) * self._random.uniform(0.5, 1.5)
            if self._client.halted.wait(min(max(backoff_s, again.wait_s), _LONGEST_WAIT_S)):
                raise Halt

    def _attempt(self, item: Item, path: Path, part: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, start = self._hash(part) if RESUME_BYTES < _length(part) < item.size else (_md5(), 0)
        with self._client.ask(item.url, item.path, start) as answer:
            if answer.status == 200 and start:  # the host gives no ranges of this file
                digest, start = _md5(), 0
            _check_extent(answer, start, item.size)
            self._receive(answer.chunks, part, digest, start, item)
        os.replace(part, path)

    def _receive(self, chunks: Iterable[bytes], part: Path, digest: "hashlib._Hash", start: int, item: Item) -> None:
        """Write what arrives to the part, and check the whole."""
        arrived, is_right = start, False
        self._advance(start)
        try:
            with open(part, "ab" if start else "wb") as file:
                for chunk in chunks:
                    self._client.go_on()
                    arrived += len(chunk)
                    self._advance(len(chunk))
                    if arrived > item.size:
                        break
                    file.write(chunk)
                    digest.update(chunk)
            if arrived != item.size:
                raise Again(f"found {arrived} bytes, expected {item.size}")
            if digest.hexdigest() != item.md5.lower():
                raise Again(f"found md5 {digest.hexdigest()}, expected {item.md5.lower()}")
            is_right = True
        finally:
            if not is_right:
                self._advance(-arrived)

    def _hash(self, path: Path) -> "tuple[hashlib._Hash, int]":
        """The md5 so far and the length of what a file holds."""
        digest = _md5()
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                self._client.go_on()
                digest.update(chunk)
            return digest, file.tell()

    def _advance(self, count: int) -> None:
        with self._lock:
            self._bar.update(count)


def _check_extent(answer: Answer, start: int, size: int) -> None:
    """Pass over an answer whose headers promise the bytes from `start` to `size` of a file of that size."""
    found = answer.headers.get("Content-Range", "")
    if answer.status == 206 and not re.fullmatch(rf"bytes {start}-[0-9]+/({size}|\*)", found):
        raise Again(f"found Content-Range {found!r}, expected bytes {start}-{size - 1}/{size}")
    length = answer.headers.get("Content-Length", "")
    is_plain = not answer.headers.get("Content-Encoding")  # otherwise its length is not the file's
    if is_plain and re.fullmatch("[0-9]{1,18}", length) and start + int(length) != size:
        raise Again(f"found {start + int(length)} bytes, expected {size}")


def _refuse_twins(items: Sequence[Item]) -> None:
    for path, count in Counter(item.path for item in items).items():
        if count > 1:
            raise InputError(f"list of files: found {path} {count} times, expected it once")


def _report(folder: Path, count: int, faults: dict[str, str]) -> None:
    """Write down what isn't there, or remove an earlier list of it."""
    path = folder / FAULTS_NAME
    if not faults:
        path.unlink(missing_ok=True)
        return
    try:
        write_text(path, "".join(f"{name}\t{what}\n" for name, what in sorted(faults.items())))
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror})") from None
    first = min(faults, key=lambda name: (faults[name].startswith(_NOT_ASKED), name))
    raise InputError(
        f"{folder}: {len(faults)} of {count} files are not there (first {first}: {faults[first]}); "
        f"all are listed in {path}; run again to go on"
    )


def _bar(what: str, items: Sequence[Item], done: int = 0) -> tqdm:
    return tqdm(desc=what, total=_bytes(items), initial=done, unit="B", unit_scale=True, file=sys.stderr, disable=None)


def _bytes(items: Sequence[Item]) -> int:
    return sum(item.size for item in items)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)
