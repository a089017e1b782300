"""What an LMDB 0.9 data file holds, read page by page.

LMDB's own library maps the file into memory and trusts it: with a database that was cut off, or that an unfinished
download left full of zeros, it ends the process. Here every number is checked before it is followed.
"""

import struct
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from stylenat.core.errors import InputError
from stylenat.data.sources.open_file import OpenFile

# A page begins with its number, two unused bytes, flags, and the bounds of its free space.
_PAGE = struct.Struct("<Q2xHHH")
_BRANCH, _LEAF, _OVERFLOW, _META = 0x01, 0x02, 0x04, 0x08
# The first two pages are meta pages; the one of the later transaction holds. After the head: magic number, version,
# page size; of the main table its depth, number of entries and root; number of the last page and the transaction.
_META_DATA = struct.Struct("<16x II 16x I 44x 6xH 24x QQ QQ")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES = frozenset(1 << power for power in range(8, 17))
_NO_ROOT = (1 << 64) - 1
_MOST_LEVELS = 32  # as many as LMDB itself follows
# A node is two halves of the value's size, or three thirds of a child's number; flags; the key's size; key and value.
_NODE = struct.Struct("<HHHH")
_BIG = 0x01  # flag of a node: the value is the number of the first of the pages that hold it
_NUMBER = struct.Struct("<Q")


class Value(NamedTuple):
    """Where a value lies in the file; `page` is the first of its own pages, or 0 when it lies among the keys."""

    page: int
    start: int
    size: int


class LmdbFile:
    """The main table of an LMDB data file."""

    def __init__(self, path: Path) -> None:
        self._file = OpenFile(path)
        self._place = str(path)
        first = self._parse_meta(self._file.read(0, _META_DATA.size, self._place))
        self._page_bytes = first[0]
        second = self._parse_meta(self._file.read(self._page_bytes, _META_DATA.size, self._place))
        if second[0] != self._page_bytes:
            raise self._damaged(1)
        _, self._depth, self._count, self._root, self._last_page, transaction = max(first, second, key=itemgetter(-1))
        expected = (self._last_page + 1) * self._page_bytes
        if self._file.size < expected:
            raise InputError(f"{path}: truncated: found {self._file.size} bytes, expected {expected}")
        self.stamp = f"{self._file.stamp}-{transaction}"

    def values(self) -> dict[bytes, Value]:
        """Where each key's value lies; large values aren't touched. A damaged page raises InputError."""
        pages = self._leaves(self._root, self._depth, set()) if self._root != _NO_ROOT else ()
        items = [item for number, page in pages for item in self._items(number, page)]
        values = dict(items)
        if not len(values) == len(items) == self._count:
            raise InputError(f"{self._place}: damaged: found {len(values)} keys, expected {self._count}")
        return {key: value for key, value in values.items() if value is not None}

    def read(self, value: Value, where: str) -> bytes:
        """The bytes of a value; damage raises InputError beginning with `where`."""
        if not value.page:
            return self._file.read(value.start, value.size, where)
        begin = value.page * self._page_bytes
        data = self._file.read(begin, value.start - begin + value.size, where)
        number, flags, *_ = _PAGE.unpack_from(data)
        if number != value.page or not flags & _OVERFLOW:
            raise InputError(f"{where}: damaged: page {value.page} isn't the beginning of a value")
        return data[value.start - begin :]

    def _parse_meta(self, data: bytes) -> tuple[int, int, int, int, int, int]:
        magic, version, page_bytes, *rest = _META_DATA.unpack(data)
        if magic != _MAGIC or not _PAGE.unpack_from(data)[1] & _META or page_bytes not in _PAGE_SIZES:
            raise InputError(f"{self._place}: not an LMDB database")
        if version != _VERSION:
            raise InputError(f"{self._place}: found LMDB data of version {version}, expected {_VERSION} (LMDB 0.9)")
        return page_bytes, *rest

    def _leaves(self, number: int, levels: int, seen: set[int]) -> Iterator[tuple[int, bytes]]:
        """The leaf pages under a page, `levels` levels deep with itself, in the order of their keys."""
        if number in seen or not 1 < number <= self._last_page or levels > _MOST_LEVELS:
            raise self._damaged(number)
        seen.add(number)  # a page that stands twice would make the walk endless
        page = self._file.read(number * self._page_bytes, self._page_bytes, self._place)
        flags = _PAGE.unpack_from(page)[1]
        if flags & (_BRANCH | _LEAF) != (_LEAF if levels == 1 else _BRANCH):
            raise self._damaged(number)
        if levels == 1:
            yield number, page
            return
        for _, low, middle, high, _ in self._nodes(number, page):
            yield from self._leaves(low | middle << 16 | high << 32, levels - 1, seen)

    def _nodes(self, number: int, page: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
        """Where each node of a page ends, its three numbers, and its key."""
        found, _, lower, upper = _PAGE.unpack_from(page)
        if found != number or not _PAGE.size <= lower <= upper or lower % 2:
            raise self._damaged(number)
        for (start,) in struct.iter_unpack("<H", page[_PAGE.size : lower]):
            if not upper <= start <= len(page) - _NODE.size:
                raise self._damaged(number)
            *numbers, key_size = _NODE.unpack_from(page, start)
            end = start + _NODE.size + key_size
            yield end, *numbers, page[end - key_size : end]

    def _items(self, number: int, page: bytes) -> Iterator[tuple[bytes, Value | None]]:
        """The keys of a leaf page and where their values lie; None for a key that stands for a table."""
        begin = number * self._page_bytes
        for end, low, high, flags, key in self._nodes(number, page):
            if flags & ~_BIG:
                yield key, None
                continue
            size = low | high << 16
            if end + (_NUMBER.size if flags & _BIG else size) > len(page):
                raise self._damaged(number)
            if not flags & _BIG:
                yield key, Value(0, begin + end, size)
                continue
            first = _NUMBER.unpack_from(page, end)[0]
            start = first * self._page_bytes + _PAGE.size
            if first < 2 or start + size > (self._last_page + 1) * self._page_bytes:
                raise self._damaged(number)
            yield key, Value(first, start, size)

    def _damaged(self, number: int) -> InputError:
        return InputError(f"{self._place}: damaged: page {number} isn't as LMDB writes it")
