import os
import zipfile

import numpy as np
import pytest
from PIL import Image
from support.files import png
from support.toys import photo, write_photos

from stylenat.core.errors import InputError
from stylenat.data.decode import decode
from stylenat.data.sources import open_source


def pixels(source, number):
    return decode(source.read(source.entries[number]), "x")


def test_a_folder_is_read_at_any_depth_in_order_of_names(tmp_path):
    write_photos(tmp_path / "raw" / "b", 2)
    write_photos(tmp_path / "raw" / "a" / "c", 1)
    Image.fromarray(photo(9)).save(tmp_path / "raw" / "z.webp", lossless=True)
    (tmp_path / "raw" / "._ghost.png").write_bytes(b"resource fork")
    (tmp_path / "raw" / "readme.txt").write_text("no image")
    source = open_source(tmp_path / "raw")
    assert [entry.name for entry in source.entries] == ["a/c/000.png", "b/000.png", "b/001.png", "z.webp"]
    assert np.array_equal(pixels(source, 2), photo(1))
    assert np.array_equal(pixels(source, 3), photo(9))


def test_a_zip_gives_the_same_images_as_its_folder(tmp_path):
    folder = write_photos(tmp_path / "raw", 3)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for path in sorted(folder.iterdir(), reverse=True):
            file.write(path, path.name)
        file.writestr("__MACOSX/000.png", b"resource fork")
    packed, unpacked = open_source(tmp_path / "raw.zip"), open_source(folder)
    assert [entry.name for entry in packed.entries] == [entry.name for entry in unpacked.entries]
    for number in range(3):
        assert np.array_equal(pixels(packed, number), pixels(unpacked, number))


def test_a_missing_place_and_a_broken_zip_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder or file"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "raw.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="not a readable zip file"):
        open_source(tmp_path / "raw.zip")


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["../a.png", "b/../../a.png", "/etc/a.png", "..\\a.png"])
def test_a_zip_entry_that_leaves_the_archive_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"raw\.zip/.*a\.png: found a name that leaves the archive"):
        open_source(write_zip(tmp_path / "raw.zip", [("b.png", b""), (name, png(photo(0)))]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"raw\.zip/a\.png: found this name twice"):
        open_source(write_zip(tmp_path / "raw.zip", [("a.png", png(photo(0))), ("a.png", png(photo(1)))]))


def test_a_corrupt_member_of_a_zip_is_named(tmp_path):
    path = write_zip(tmp_path / "raw.zip", [("a.png", png(photo(0)))])
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    source = open_source(path)
    with pytest.raises(InputError, match=r"raw\.zip/a\.png: can't be read"):
        source.read(source.entries[0])


def test_an_encrypted_member_of_a_zip_is_named(tmp_path):
    path = write_zip(tmp_path / "raw.zip", [("a.png", png(photo(0)))])
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag, in the member's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(data)
    source = open_source(path)
    with pytest.raises(InputError, match=r"raw\.zip/a\.png: can't be read \(.*encrypted"):
        source.read(source.entries[0])


def test_a_link_to_nowhere_is_named_when_it_is_read(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    source = open_source(tmp_path)
    with pytest.raises(InputError, match=r"a\.png: can't be read \(No such file"):
        source.read(source.entries[0])


def test_a_stamp_changes_with_the_content(tmp_path):
    folder = write_photos(tmp_path / "raw", 2)
    before = open_source(folder).entries
    (folder / "001.png").write_bytes(png(photo(5)))
    os.utime(folder / "001.png", ns=(1, 1))
    after = open_source(folder).entries
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_members_of_a_zip_are_told_apart_by_their_checksum(tmp_path):
    stamps = set()
    for number in range(2):
        stamps.add(open_source(write_zip(tmp_path / f"{number}.zip", [("a.png", png(photo(number)))])).entries[0].stamp)
    assert len(stamps) == 2
