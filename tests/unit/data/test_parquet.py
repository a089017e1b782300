import gc
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.files import png
from support.raw_files import write_parquet
from support.toys import photo

from stylenat.core.errors import InputError
from stylenat.data.sources.parquet import ParquetSource


def noise(count, size=500, seed=0):
    dice = random.Random(seed)
    return [dice.randbytes(size) for _ in range(count)]


def named(images, start=0):
    return [(image, f"{number:05d}.png") for number, image in enumerate(images, start)]


def contents(source):
    return [source.read(entry) for entry in source.entries]


def names(source):
    return [entry.name for entry in source.entries]


@pytest.fixture
def decoded(monkeypatch):
    """The columns and row groups that are decoded, in their order."""
    calls = []
    original = pq.ParquetFile.read_row_group

    def read_row_group(self, group, columns=None, **options):
        calls.append((*columns, group))
        return original(self, group, columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    return calls


def test_images_come_back_in_the_order_of_rows(tmp_path):
    images = [png(photo(index)) for index in range(10)]
    path = write_parquet(tmp_path / "a.parquet", named(images))
    source = ParquetSource(path)
    assert source.place == str(path)
    assert names(source) == [f"{index:05d}.png" for index in range(10)]
    assert contents(source) == images
    assert [entry.place for entry in source.entries[3:6]] == [(0, 0, 3), (0, 1, 0), (0, 1, 1)]


def test_files_at_any_depth_are_read_by_relative_path(tmp_path):
    images = noise(9)
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", named(images[5:8], 5))
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", named(images[:5]))
    write_parquet(tmp_path / "last.parquet", named(images[8:], 8))
    write_parquet(tmp_path / ".cache" / "torn.parquet", named(images))
    (tmp_path / "readme.md").write_text("no image")
    source = ParquetSource(tmp_path)
    assert contents(source) == images
    assert source.entries[6].place == (1, 0, 1)


def test_directories_of_a_path_are_left_out_of_the_name(tmp_path):
    rows = [(b"0", "/home/them/faces/0.png"), (b"1", "faces/1.png")]
    assert names(ParquetSource(write_parquet(tmp_path / "a.parquet", rows))) == ["0.png", "1.png"]


def test_a_row_without_a_name_of_its_own_is_named_by_its_place(tmp_path):
    write_parquet(tmp_path / "d" / "a.parquet", [(b"0", "x.png"), (b"1", None), (b"2", ""), (b"3", "y/z.png")])
    write_parquet(tmp_path / "d" / "b.parquet", [(b"4", "x.png"), (b"5", "\n.png"), (b"6", "b.parquet#1"), (b"7", "/")])
    write_parquet(tmp_path / "c.parquet", [None])
    expected = ["c.parquet#0", "d/a.parquet#0", "d/a.parquet#1", "d/a.parquet#2", "z.png"]
    expected += [f"d/b.parquet#{row}" for row in (0, 1)] + ["b.parquet#1", "d/b.parquet#3"]
    assert names(ParquetSource(tmp_path)) == expected


def test_no_two_rows_have_one_name(tmp_path):
    """Even where a path is what a row without one would be called."""
    rows = [(b"0", None), (b"1", "a.parquet#0"), (b"2", "a.parquet#2")]
    source = ParquetSource(write_parquet(tmp_path / "a.parquet", rows))
    assert names(source) == ["a.parquet#0", "a.parquet#1", "a.parquet#2"]
    assert contents(source) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_type_of_bytes_and_text_is_known(tmp_path, kind, text):
    column = pa.array([{"bytes": b"0", "path": "x"}], pa.struct([("bytes", kind), ("path", text)]))
    pq.write_table(pa.table({"face": column}), tmp_path / "a.parquet")
    source = ParquetSource(tmp_path / "a.parquet")
    assert names(source) == ["x"]
    assert contents(source) == [b"0"]


@pytest.mark.parametrize("column", ["image", "png", "jpg", "bytes"])
def test_a_plain_column_of_bytes_is_read(tmp_path, column):
    images = noise(9)
    pq.write_table(pa.table({"id": range(9), column: images}), tmp_path / "a.parquet", row_group_size=4)
    source = ParquetSource(tmp_path)
    assert names(source) == [f"a.parquet#{row}" for row in range(9)]
    assert contents(source) == images


def test_a_dot_in_the_name_of_the_column_is_no_hindrance(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", named(noise(5)), column="the.face")
    assert contents(ParquetSource(path)) == noise(5)


def test_the_column_is_picked_from_several(tmp_path):
    image = pa.array([{"bytes": b"image", "path": "x"}])
    mask = pa.array([{"bytes": b"mask", "path": "y"}])
    pq.write_table(pa.table({"png": [b"png"], "mask": mask, "image": image}), tmp_path / "a.parquet")
    assert contents(ParquetSource(tmp_path)) == [b"image"]
    pq.write_table(pa.table({"jpg": [b"jpg"], "image": ["text"], "png": [b"png"]}), tmp_path / "a.parquet")
    assert contents(ParquetSource(tmp_path)) == [b"png"]
    pq.write_table(pa.table({"mask": mask, "face": image}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: found the image columns mask, face, expected one, or"):
        ParquetSource(tmp_path)


def test_files_of_different_columns_are_read_together(tmp_path):
    write_parquet(tmp_path / "a.parquet", named([b"a"]))
    write_parquet(tmp_path / "b.parquet", [(b"b", "b.png")], column="photo")
    pq.write_table(pa.table({"jpg": [b"c"]}), tmp_path / "c.parquet")
    source = ParquetSource(tmp_path)
    assert names(source) == ["00000.png", "b.png", "c.parquet#0"]
    assert contents(source) == [b"a", b"b", b"c"]


def test_a_file_without_images_lists_its_columns(tmp_path):
    pq.write_table(pa.table({"id": [1], "image": ["a.png"], "la\nbel": [[1, 2]]}), tmp_path / "a.parquet")
    columns = r"id \(int64\), image \(string\), la bel \(list<element: int64>\)"
    with pytest.raises(InputError, match=rf"a\.parquet: found the columns {columns}, expected one of images"):
        ParquetSource(tmp_path)


def test_a_row_without_bytes_is_named(tmp_path):
    rows = [(b"0", "0.png"), (None, "1.png"), None]
    path = write_parquet(tmp_path / "a.parquet", rows)
    source = ParquetSource(path)
    assert source.read(source.entries[0]) == b"0"
    for entry, name in zip(source.entries[1:], ["1.png", "a.parquet#2"], strict=True):
        with pytest.raises(InputError, match=f"^{path}/{name}: found null, expected the bytes of an image$"):
            source.read(entry)
    pq.write_table(pa.table({"png": pa.array([None], pa.binary())}), tmp_path / "b.parquet")
    source = ParquetSource(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet#0: found null"):
        source.read(source.entries[0])


def test_listing_decodes_no_images(tmp_path, decoded):
    write_parquet(tmp_path / "a.parquet", named(noise(9)))
    pq.write_table(pa.table({"png": noise(9)}), tmp_path / "b.parquet")
    ParquetSource(tmp_path)
    assert decoded == [("image.path", 0), ("image.path", 1), ("image.path", 2)]


def test_reading_decodes_images_alone(tmp_path, decoded):
    source = ParquetSource(write_parquet(tmp_path / "a.parquet", named(noise(9))))
    decoded.clear()
    contents(source)
    assert decoded == [("image.bytes", 0), ("image.bytes", 1), ("image.bytes", 2)]


def test_threads_that_go_through_the_rows_decode_each_group_once(tmp_path, decoded):
    images = noise(48)
    source = ParquetSource(write_parquet(tmp_path / "a.parquet", named(images), row_group_size=12))
    decoded.clear()
    barrier = threading.Barrier(8)

    def read(entry):
        barrier.wait()
        return source.read(entry)

    with ThreadPoolExecutor(8) as executor:  # in rounds of eight, some across the border of two groups
        found = [data for start in range(0, 48, 8) for data in executor.map(read, source.entries[start : start + 8])]
    assert found == images
    assert decoded == [("image.bytes", group) for group in range(4)]


def test_two_groups_are_kept_and_the_one_used_last_stays(tmp_path, decoded):
    source = ParquetSource(write_parquet(tmp_path / "a.parquet", named(noise(3)), row_group_size=1))
    decoded.clear()
    for row in (0, 1, 0, 2, 0, 1):
        source.read(source.entries[row])
    assert [group for _, group in decoded] == [0, 1, 2, 1]


def test_memory_does_not_grow_with_the_file(tmp_path):
    group_bytes = 4 * 200_000
    path = write_parquet(tmp_path / "a.parquet", named(noise(80, 200_000)), compression="none")
    gc.collect()
    before = pa.total_allocated_bytes()
    source = ParquetSource(path)
    most = 0
    for entry in source.entries:
        source.read(entry)
        most = max(most, pa.total_allocated_bytes() - before)
    assert group_bytes < most < 6 * group_bytes  # of 20; Arrow may reserve twice what it fills


def test_the_stamp_changes_with_the_file_and_the_row(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", named(noise(5)))
    stamps = {entry.stamp for entry in ParquetSource(path).entries}
    os.utime(path, ns=(1, 1))  # as when other images are written into the file
    stamps |= {entry.stamp for entry in ParquetSource(path).entries}
    assert len(stamps) == 10
    write_parquet(path, named(noise(5, 501)))
    os.utime(path, ns=(1, 1))
    stamps |= {entry.stamp for entry in ParquetSource(path).entries}
    assert len(stamps) == 15


def test_what_is_no_parquet_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}: found no .parquet files$"):
        ParquetSource(tmp_path)
    (tmp_path / "a.parquet").write_text("<html>Quota exceeded</html>")
    with pytest.raises(InputError, match=rf"^{tmp_path}/a\.parquet: not a readable parquet file \([^\n]+\)$"):
        ParquetSource(tmp_path)
    with pytest.raises(InputError, match=r"^[^\n]*b\.parquet: not a readable parquet file \([^\n]+\)$"):
        ParquetSource(tmp_path / "b.parquet")


def test_more_rows_than_bytes_are_refused(tmp_path):
    """Such a number is damage, and too much to list."""
    pq.write_table(pa.table({"png": pa.nulls(100_000, pa.binary())}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: found 100000 rows in \d+ bytes, expected fewer$"):
        ParquetSource(tmp_path)


def test_a_file_that_goes_away_is_an_input_error(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", named(noise(1)))
    source = ParquetSource(path)
    path.unlink()
    with pytest.raises(InputError, match=f"^{path}/00000.png: can't be read "):
        source.read(source.entries[0])


@pytest.mark.parametrize("checksum", [True, False])
def test_a_damaged_page_of_images_is_found_when_it_is_read(tmp_path, checksum):
    images = noise(8)
    path = write_parquet(tmp_path / "a.parquet", named(images), write_page_checksum=checksum, compression="snappy")
    data = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    assert column.path_in_schema == "image.bytes"
    # a picture's byte is only known to be wrong by a checksum, the page's head without one
    damage = data.index(images[5]) if checksum else (column.dictionary_page_offset or column.data_page_offset)
    data[damage] ^= 0xFF
    path.write_bytes(data)
    source = ParquetSource(path)
    assert source.read(source.entries[3]) == images[3]
    with pytest.raises(InputError, match=rf"^{path}/00005\.png: can't be read \([^\n]+\)$"):
        source.read(source.entries[5])


def test_random_damage_gives_an_input_error_or_bytes(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", named(noise(12, 40)))
    whole = path.read_bytes()
    dice = random.Random(0)
    messages = []
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 10])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data[: dice.choice([len(data), len(data), dice.randrange(len(data))])])
        try:
            contents(ParquetSource(path))
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 200
    assert all(message.startswith(str(path)) and "\n" not in message for message in messages)
