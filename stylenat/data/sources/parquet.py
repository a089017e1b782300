"""Image files in the rows of parquet files, as Hugging Face's data sets hold them."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Unlisted

_PREFERRED = "image"
_PLAIN_COLUMNS = ("image", "png", "jpg", "bytes")
_KEPT_GROUPS = 2  # readers that go through the rows together straddle two row groups at most
_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class _File:
    """One parquet file: its name within the source, its image column, and whether that has bytes and path."""

    path: Path
    name: str
    column: str
    nested: bool


class ParquetSource(Unlisted):
    """The images in the rows of one parquet file, or of all under a folder, by relative path."""

    def __init__(self, path: Path) -> None:
        path = Path(path)
        self.place = str(path)
        self._files = [_inspect(file, name) for name, file in _find(path)]
        self._kept: OrderedDict[tuple[int, int], pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()
        rows = [row for number, file in enumerate(self._files) for row in _rows(number, file)]
        uses = Counter(path for path, _ in rows) + Counter(entry.name for _, entry in rows)
        self.entries = [replace(entry, name=path) if path and uses[path] == 1 else entry for path, entry in rows]

    def __getstate__(self) -> dict[str, Any]:
        """State without what is kept in memory."""
        return {key: value for key, value in super().__getstate__().items() if key not in ("_kept", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with nothing in memory."""
        self.__dict__.update(state)
        self._kept, self._lock = OrderedDict(), threading.Lock()

    def read(self, entry: Entry) -> bytes:
        """The bytes of one image file; a row without, or one that can't be read, raises InputError."""
        number, group, row = entry.place
        where = f"{self.place}/{entry.name}"
        try:
            column = self._group(number, group)
            value = column[row].as_py()
        except (*_ERRORS, IndexError) as error:
            raise InputError(f"{where}: can't be read ({_line(error)})") from None
        if self._files[number].nested and value is not None:
            value = value["bytes"]
        if value is None:
            raise InputError(f"{where}: found null, expected the bytes of an image")
        return value

    def _group(self, number: int, group: int) -> pa.ChunkedArray:
        """The images of one row group; while a thread decodes it, those that want the same wait for it."""
        with self._lock:
            if (number, group) in self._kept:
                self._kept.move_to_end((number, group))
            else:
                while len(self._kept) >= _KEPT_GROUPS:
                    self._kept.popitem(last=False)
                file = self._files[number]
                column = f"{file.column}.bytes" if file.nested else file.column
                with _open(file.path) as parquet:
                    self._kept[number, group] = parquet.read_row_group(group, [column]).column(0)
            return self._kept[number, group]


def _find(path: Path) -> list[tuple[str, Path]]:
    """The parquet files of a place with their names within it; hidden ones are no part of a data set."""
    if not path.is_dir():
        return [(path.name, path)]
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.parquet") if file.is_file())
    names = [name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts)]
    if not names:
        raise InputError(f"{path}: found no .parquet files")
    return [(name, path / name) for name in names]


def _open(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(str(path), page_checksum_verification=True)


def _inspect(path: Path, name: str) -> _File:
    try:
        with _open(path) as parquet:
            schema = parquet.schema_arrow
    except _ERRORS as error:
        raise InputError(f"{path}: not a readable parquet file ({_line(error)})") from None
    nested = [field.name for field in schema if _has_bytes_and_path(field.type)]
    if _PREFERRED in nested:
        return _File(path, name, _PREFERRED, nested=True)
    if len(nested) > 1:
        raise InputError(f"{path}: found the image columns {_line(', '.join(nested))}, expected one, or one of 'image'")
    if nested:
        return _File(path, name, nested[0], nested=True)
    binary = {field.name for field in schema if _is_binary(field.type)}
    for column in _PLAIN_COLUMNS:
        if column in binary:
            return _File(path, name, column, nested=False)
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema) or "none"
    raise InputError(f"{path}: found the columns {_line(columns)}, expected one of images (a struct of bytes and path)")


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _has_bytes_and_path(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or not {"bytes", "path"} <= set(kind.names):
        return False
    path = kind.field("path").type
    is_text = pa.types.is_string(path) or pa.types.is_large_string(path) or pa.types.is_string_view(path)
    return is_text and _is_binary(kind.field("bytes").type)


def _rows(number: int, file: _File) -> Iterator[tuple[str, Entry]]:
    """The base name of each row's path, and an entry named by its place. Images aren't read: they are all the size."""
    row = 0
    try:
        status = file.path.stat()
        with _open(file.path) as parquet:
            rows = sum(parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups))
            if rows > status.st_size:  # else a damaged number could be too large for the memory
                raise InputError(f"{file.path}: found {rows} rows in {status.st_size} bytes, expected fewer")
            for group in range(parquet.num_row_groups):
                for place, path in enumerate(_paths(parquet, file, group)):
                    stamp = f"{status.st_size}-{status.st_mtime_ns}-{row}"
                    yield path, Entry(f"{file.name}#{row}", stamp, (number, group, place))
                    row += 1
    except _ERRORS as error:
        raise InputError(f"{file.path}: can't be read ({_line(error)})") from None


def _paths(parquet: pq.ParquetFile, file: _File, group: int) -> list[str]:
    """The base names of a row group's paths, empty where there is none that can be printed."""
    if not file.nested:
        return [""] * parquet.metadata.row_group(group).num_rows
    values = parquet.read_row_group(group, [f"{file.column}.path"]).column(0).to_pylist()
    paths = [(value or {}).get("path") or "" for value in values]
    return [PurePosixPath(path).name if path.isprintable() else "" for path in paths]


def _line(text: object) -> str:
    return " ".join(str(text).split())
