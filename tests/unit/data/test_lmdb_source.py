import os
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import lmdb
import numpy as np
import pytest
from support.files import png
from support.raw_files import write_lmdb
from support.toys import photo

from stylenat.core.errors import InputError
from stylenat.data.sources.lmdb_file import LmdbSource

PAGE_BYTES = 4096


def key(index, side_px=256):
    return f"{side_px}-{index:05d}".encode()


def noise(count, seed=0, low=10, high=9000, side_px=256):
    """Values of many sizes by key: small ones lie among the keys, large ones on pages of their own."""
    dice = np.random.default_rng(seed)
    return {key(index, side_px): dice.bytes(int(dice.integers(low, high))) for index in range(count)}


def change(file, page, offset, data):
    """Write over some bytes of a page."""
    with open(file, "r+b") as stream:
        stream.seek(page * PAGE_BYTES + offset)
        stream.write(data)


def pages(file, flags):
    """The pages of a kind: 1 for branches, 2 for leaves."""
    data = file.read_bytes()
    heads = [(data[start : start + 8], data[start + 10]) for start in range(0, len(data), PAGE_BYTES)]
    return [page for page, head in enumerate(heads) if head == (page.to_bytes(8, "little"), flags)]


def nodes(file, page):
    """Where the nodes of a page are."""
    data = file.read_bytes()[page * PAGE_BYTES :][:PAGE_BYTES]
    return [low[0] for low in struct.iter_unpack("<H", data[16 : int.from_bytes(data[12:14], "little")])]


def contents(source):
    return {key(int(entry.name)): source.read(entry) for entry in source.entries}


def test_images_come_back_by_index(tmp_path):
    images = {key(index, 16): png(photo(index)) for index in (3, 0, 2)}
    folder = write_lmdb(tmp_path / "db", images)
    for path in (folder, folder / "data.mdb"):
        source = LmdbSource(path, 16)
        assert source.place == str(path)
        assert [entry.name for entry in source.entries] == ["00000", "00002", "00003"]
        assert source.read(source.entries[1]) == png(photo(2))


def test_a_database_that_is_one_file_is_read(tmp_path):
    path = write_lmdb(tmp_path / "faces.mdb", noise(5), subdir=False)
    assert contents(LmdbSource(path, None)) == noise(5)


def test_more_than_five_digits_stand_after_the_others(tmp_path):
    values = {key(index): b"%d" % index for index in (99_998, 99_999, 100_000, 126_226)}
    source = LmdbSource(write_lmdb(tmp_path / "db", values), None)
    assert [source.read(entry) for entry in source.entries] == [b"99998", b"99999", b"100000", b"126226"]


@pytest.mark.parametrize("options", [{}, {"writemap": True}])
def test_it_finds_what_lmdb_itself_finds(tmp_path, options):
    """Put, replaced and deleted at random, three levels deep, with the pages that this leaves free."""
    dice = random.Random(0)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 28, **options) as environment:
        for _ in range(8):
            with environment.begin(write=True) as transaction:
                for index in dice.sample(range(40_000), 4000):
                    transaction.put(key(index), dice.randbytes(dice.choice([5, 90, 90, 90, 3000])))
                for index in dice.sample(range(40_000), 500):
                    transaction.delete(key(index))
        with environment.begin() as transaction:
            expected = dict(transaction.cursor())
            depth = transaction.stat()["depth"]
    assert depth == 3
    assert contents(LmdbSource(tmp_path / "db", None)) == expected


@pytest.mark.parametrize("size", [0, 1, 1900, 2100, PAGE_BYTES - 17, PAGE_BYTES - 16, PAGE_BYTES - 15, 70_000])
def test_values_of_every_size_are_whole(tmp_path, size):
    values = {key(0): b"a" * size, key(1): b"b" * size}
    assert contents(LmdbSource(write_lmdb(tmp_path / "db", values), None)) == values


def test_the_side_is_picked(tmp_path):
    small, middle, large = noise(3, 0, side_px=8), noise(2, 1, side_px=16), noise(2, 2, side_px=128)
    folder = write_lmdb(tmp_path / "db", small | middle | large)
    for side_px, images in ((8, small), (16, middle), (128, large), (None, large)):
        source = LmdbSource(folder, side_px)
        assert [source.read(entry) for entry in source.entries] == list(images.values())
    with pytest.raises(InputError, match=f"^{folder}: found images of 8, 16, 128 px, expected 32 px$"):
        LmdbSource(folder, 32)


def test_the_stated_count_must_be_that_of_the_side(tmp_path):
    folder = write_lmdb(tmp_path / "db", noise(3) | noise(2, side_px=8) | {b"length": b"3"})
    assert len(LmdbSource(folder, 256).entries) == 3
    with pytest.raises(InputError, match=f"^{folder}: found 2 images of 8 px, expected b'3' as the key b'length' says"):
        LmdbSource(folder, 8)


@pytest.mark.parametrize("stated", [b"4", b"three", b"", bytes(5000)])
def test_another_count_is_refused(tmp_path, stated):
    folder = write_lmdb(tmp_path / "db", noise(3) | {b"length": stated})
    with pytest.raises(InputError, match=r"found 3 images of 256 px, expected b'\w{0,5}' as the key b'length' says"):
        LmdbSource(folder, None)


def test_keys_of_another_form_are_no_images(tmp_path):
    strange = {b"256-1": b"", b"256-000001": b"", b"0256-00001": b"", b"256-00001 ": b"", b"x256-00001": b"", b"z": b""}
    source = LmdbSource(write_lmdb(tmp_path / "db", noise(1) | strange), None)
    assert [entry.name for entry in source.entries] == ["00000"]
    folder = write_lmdb(tmp_path / "strange", strange)
    with pytest.raises(InputError, match=f"^{folder}: found keys such as b'0256-00001', expected keys like b'256-00"):
        LmdbSource(folder, None)


def test_a_table_within_the_database_is_skipped(tmp_path):
    with lmdb.open(str(tmp_path / "db"), max_dbs=2) as environment:
        with environment.begin(write=True, db=environment.open_db(b"256-00007")) as transaction:
            transaction.put(key(8), b"of another table")
        with environment.begin(write=True) as transaction:
            transaction.put(key(0), b"image")
    assert contents(LmdbSource(tmp_path / "db", None)) == {key(0): b"image"}


def test_the_stamp_changes_with_the_database_and_the_value(tmp_path):
    file = write_lmdb(tmp_path / "db", {key(0): b"one", key(1): b"three"}) / "data.mdb"
    stamps = {entry.stamp for entry in LmdbSource(file, None).entries}
    os.utime(file, ns=(1, 1))
    stamps |= {entry.stamp for entry in LmdbSource(file, None).entries}
    assert len(stamps) == 4
    change(file, 0, 144, (9).to_bytes(8, "little"))  # the number of the transaction
    os.utime(file, ns=(1, 1))
    stamps |= {entry.stamp for entry in LmdbSource(file, None).entries}
    assert len(stamps) == 6


def test_many_threads_read_at_once(tmp_path):
    values = noise(64)
    source = LmdbSource(write_lmdb(tmp_path / "db", values), None)
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(source.read, source.entries * 4)) == list(values.values()) * 4


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"<html>Quota exceeded</html>" * 400)
    with pytest.raises(InputError, match=rf"^{tmp_path}/data\.mdb: not an LMDB database$"):
        LmdbSource(tmp_path, None)
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(InputError, match=r"data\.mdb: truncated: found 0 bytes, expected 152$"):
        LmdbSource(tmp_path, None)
    (tmp_path / "data.mdb").unlink()
    with pytest.raises(InputError, match=r"data\.mdb: can't be read \(No such file or directory\)$"):
        LmdbSource(tmp_path, None)


def test_an_empty_database_is_refused(tmp_path):
    lmdb.open(str(tmp_path / "db")).close()
    with pytest.raises(InputError, match="found no keys, expected keys like b'256-00000'"):
        LmdbSource(tmp_path / "db", None)


def test_the_format_of_lmdb_1_is_named(tmp_path):
    file = write_lmdb(tmp_path / "db", noise(3)) / "data.mdb"
    for page in (0, 1):
        change(file, page, 20, b"\2")
    with pytest.raises(InputError, match=r"found LMDB data of version 2, expected 1 \(LMDB 0\.9\)"):
        LmdbSource(file.parent, None)


@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("offset", [10, 16, 40])
def test_both_meta_pages_must_be_such(tmp_path, page, offset):
    """The flag of the page, the magic number, the size of a page."""
    file = write_lmdb(tmp_path / "db", noise(3)) / "data.mdb"
    change(file, page, offset, b"\3")
    with pytest.raises(InputError, match=r"data\.mdb: not an LMDB database$"):
        LmdbSource(file.parent, None)


def test_the_later_meta_page_holds(tmp_path):
    for count in (1, 2, 3, 4):
        folder = write_lmdb(tmp_path / str(count), noise(count))
        assert contents(LmdbSource(folder, None)) == noise(count)


def test_another_number_of_keys_than_the_database_counts_is_damage(tmp_path):
    file = write_lmdb(tmp_path / "db", noise(4)) / "data.mdb"
    for page in (0, 1):
        change(file, page, 120, b"\5")
    with pytest.raises(InputError, match=r"data\.mdb: damaged: found 4 keys, expected 5$"):
        LmdbSource(file.parent, None)


@pytest.mark.parametrize(
    ("offset", "data", "page"),
    [(94, b"\x28\0", "root"), (94, bytes(2), "leaf"), (128, b"\xfe" * 8, 0xFEFEFEFEFEFEFEFE), (128, bytes(8), 0)],
)
def test_a_wrong_depth_and_a_wrong_root_are_found(tmp_path, offset, data, page):
    file = write_lmdb(tmp_path / "db", noise(200)) / "data.mdb"
    root = int.from_bytes(file.read_bytes()[128:136], "little")
    leaf = int.from_bytes(file.read_bytes()[root * PAGE_BYTES + nodes(file, root)[0] :][:6], "little")
    for meta in (0, 1):
        change(file, meta, offset, data)
    page = {"root": root, "leaf": leaf}.get(page, page)
    with pytest.raises(InputError, match=rf"data\.mdb: damaged: page {page} isn't as LMDB writes it$"):
        LmdbSource(file.parent, None)


def test_meta_pages_that_disagree_are_found(tmp_path):
    file = write_lmdb(tmp_path / "db", noise(3)) / "data.mdb"
    change(file, 1, 40, (2 * PAGE_BYTES).to_bytes(4, "little"))
    with pytest.raises(InputError, match=r"data\.mdb: damaged: page 1 isn't as LMDB writes it$"):
        LmdbSource(file.parent, None)


@pytest.mark.parametrize("child", ["itself", "a sibling's"])
def test_a_page_that_stands_twice_is_no_endless_walk(tmp_path, child):
    file = write_lmdb(tmp_path / "db", noise(400)) / "data.mdb"
    for page in pages(file, 1):
        first, *others = nodes(file, page)
        start = page * PAGE_BYTES + first
        number = page.to_bytes(6, "little") if child == "itself" else file.read_bytes()[start : start + 6]
        for node in others:
            change(file, page, node, number)
    with pytest.raises(InputError, match=r"data\.mdb: damaged: page \d+ isn't as LMDB writes it"):
        LmdbSource(file.parent, None)


@pytest.mark.parametrize(
    ("offset", "data"),
    [
        (0, b"\xff"),  # another page's number
        (10, b"\4"),  # another kind
        (12, b"\xff\xff"),  # free space that begins after the page's end
        (12, b"\2\0"),  # ... before its head's
        (12, b"\x13"),  # half of a place
        (14, b"\xff\xff"),  # free space that ends there
        (16, b"\x10"),  # a node within the head
        (16, b"\xff\xff"),  # a node after the page's end
        ("node", b"\xff\xff\xff\xff"),  # a value that is larger than the file
        ("node+6", b"\xff\xff"),  # a key that is larger than the page
        ("node+17", b"\xff"),  # a value on a page after the file's end
        ("node+17", bytes(8)),  # a value on a meta page
    ],
)
def test_a_damaged_leaf_is_found(tmp_path, offset, data):
    file = write_lmdb(tmp_path / "db", noise(100, low=5000)) / "data.mdb"
    root = int.from_bytes(file.read_bytes()[PAGE_BYTES * (100 % 2) + 128 :][:8], "little")
    (leaf,) = [page for page in pages(file, 2) if page == root]
    if isinstance(offset, str):
        offset = nodes(file, leaf)[50] + int(offset.partition("+")[2] or 0)
    change(file, leaf, offset, data)
    with pytest.raises(InputError, match=rf"data\.mdb: damaged: page {leaf} isn't as LMDB writes it$"):
        LmdbSource(file.parent, None)


def test_a_value_whose_page_is_another_is_found_when_it_is_read(tmp_path):
    values = noise(3, low=9000, high=9001)
    file = write_lmdb(tmp_path / "db", values) / "data.mdb"
    data = file.read_bytes()
    start = data.index(values[key(1)]) // PAGE_BYTES * PAGE_BYTES
    file.write_bytes(data[:start] + bytes(PAGE_BYTES) + data[start + PAGE_BYTES :])
    source = LmdbSource(file.parent, None)
    assert source.read(source.entries[0]) == values[key(0)]
    with pytest.raises(InputError, match=f"^{file.parent}/00001: damaged: page {start // PAGE_BYTES} isn't the begin"):
        source.read(source.entries[1])


def test_random_damage_gives_an_input_error_or_bytes(tmp_path):
    values = noise(400, high=3000)
    file = write_lmdb(tmp_path / "db", values) / "data.mdb"
    whole = file.read_bytes()
    trees = [at for at in range(0, len(whole), PAGE_BYTES) if whole[at + 10] in (1, 2, 8)]  # meta pages too
    dice = random.Random(0)
    messages = []
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 10])):
            data[dice.choice(trees) + dice.randrange(dice.choice([16, 152, PAGE_BYTES]))] = dice.randrange(256)
        file.write_bytes(data)
        try:
            contents(LmdbSource(file.parent, None))
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(str(file.parent)) and "\n" not in message for message in messages)


CHILD = """
import sys
from pathlib import Path
from stylenat.core.errors import InputError
from stylenat.data.sources.lmdb_file import LmdbSource

file = Path(sys.argv[1])
whole = file.read_bytes()
for size in range(0, len(whole), 1000):
    for rest in (b"", bytes(len(whole) - size)):
        file.write_bytes(whole[:size] + rest)
        try:
            source = LmdbSource(file, None)
            for entry in source.entries:
                source.read(entry)
        except InputError as error:
            print(error)
        else:
            print("read", rest == b"")
assert "lmdb" not in sys.modules
"""


def test_a_file_without_its_end_never_ends_the_process(tmp_path):
    """LMDB's own library dies of SIGBUS where the end is missing, and of an assertion where it is all zeros."""
    file = write_lmdb(tmp_path / "db", noise(60)) / "data.mdb"
    cuts = len(range(0, file.stat().st_size, 1000))
    done = subprocess.run([sys.executable, "-c", CHILD, str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * cuts
    assert "read True" not in lines
    assert sum("truncated: found" in line for line in lines) == cuts
