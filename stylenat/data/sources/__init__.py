"""Raw images wherever they lie: a folder of files, a zip, TFRecords, LMDB or parquet, told apart by what is there."""

from pathlib import Path

from stylenat.core.errors import InputError
from stylenat.data.sources.base import Entry, Source
from stylenat.data.sources.folder import FolderSource
from stylenat.data.sources.lmdb_file import LmdbSource
from stylenat.data.sources.tfrecord import TFRecordSource
from stylenat.data.sources.zipped import ZipSource

__all__ = ["Entry", "Source", "open_source"]


def open_source(path: Path, side_px: int | None = None) -> Source:
    """List the raw images of a place.

    `side_px` picks the images of that side where a place holds several sizes (TFRecords, LMDB); None: the largest.

    Raises:
        InputError: there is no such place, or it can't be read.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path, side_px)
    if not path.is_file():
        raise InputError(f"{path}: no such folder or file of raw images")
    if path.suffix == ".tfrecords":
        return TFRecordSource(path, side_px)
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix == ".mdb":
        return LmdbSource(path, side_px)
    return ZipSource(path)


def _parquet(path: Path) -> Source:
    from stylenat.data.sources.parquet import ParquetSource  # only here: pyarrow takes long to load

    return ParquetSource(path)


def _open_folder(folder: Path, side_px: int | None) -> Source:
    if (folder / "data.mdb").is_file():
        return LmdbSource(folder, side_px)
    if any(folder.glob("*.tfrecords")):
        return TFRecordSource(folder, side_px)
    if next(folder.rglob("*.parquet"), None) is not None:
        return _parquet(folder)
    return FolderSource(folder)
