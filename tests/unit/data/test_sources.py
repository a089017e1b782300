import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from support.toys import photo, write_photos

from stylenat.core.errors import InputError
from stylenat.data.sources import load, open_source


def png(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", **options)
    return buffer.getvalue()


def single(tmp_path, data, name="a.png", min_px=8):
    (tmp_path / name).write_bytes(data)
    source = open_source(tmp_path, 1)
    return load(source, source.entries[0], min_px)


def test_a_folder_is_read_at_any_depth_in_order_of_names(tmp_path):
    write_photos(tmp_path / "raw" / "b", 2)
    write_photos(tmp_path / "raw" / "a" / "c", 1)
    Image.fromarray(photo(9)).save(tmp_path / "raw" / "z.webp", lossless=True)
    (tmp_path / "raw" / "._ghost.png").write_bytes(b"resource fork")
    (tmp_path / "raw" / "readme.txt").write_text("no image")
    source = open_source(tmp_path / "raw", 4)
    assert [entry.name for entry in source.entries] == ["a/c/000.png", "b/000.png", "b/001.png", "z.webp"]
    assert np.array_equal(load(source, source.entries[2], 16), photo(1))
    assert np.array_equal(load(source, source.entries[3], 16), photo(9))


def test_a_zip_gives_the_same_images_as_its_folder(tmp_path):
    folder = write_photos(tmp_path / "raw", 3)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for path in sorted(folder.iterdir(), reverse=True):
            file.write(path, path.name)
        file.writestr("__MACOSX/000.png", b"resource fork")
    packed, unpacked = open_source(tmp_path / "raw.zip", 3), open_source(folder, 3)
    assert [entry.name for entry in packed.entries] == [entry.name for entry in unpacked.entries]
    for one, other in zip(packed.entries, unpacked.entries, strict=True):
        assert np.array_equal(load(packed, one, 16), load(unpacked, other, 16))


@pytest.mark.parametrize("expected", [2, 4])
def test_another_number_of_images_is_refused(tmp_path, expected):
    folder = write_photos(tmp_path / "raw", 3)
    with pytest.raises(InputError, match=f"found 3 images in {folder}, expected {expected}"):
        open_source(folder, expected)


def test_a_missing_place_and_a_broken_zip_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder or zip file"):
        open_source(tmp_path / "nowhere", 1)
    (tmp_path / "raw.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="not a readable zip file"):
        open_source(tmp_path / "raw.zip", 1)


def test_a_truncated_file_is_named(tmp_path):
    data = png(photo(0))
    with pytest.raises(InputError, match=r"a\.png: can't be decoded"):
        single(tmp_path, data[: len(data) // 2])


def test_a_flipped_bit_in_the_pixels_is_found(tmp_path):
    data = bytearray(png(photo(0)))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(InputError, match=r"a\.png: can't be decoded"):
        single(tmp_path, bytes(data))


def test_a_corrupt_member_of_a_zip_is_named(tmp_path):
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", png(photo(0)))
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    source = open_source(path, 1)
    with pytest.raises(InputError, match=r"raw\.zip/a\.png: can't be"):
        load(source, source.entries[0], 8)


def test_something_else_under_an_image_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.png: can't be decoded"):
        single(tmp_path, b"<html>quota exceeded</html>")


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_a_colour_mode_other_than_rgb_is_refused(tmp_path, mode):
    buffer = io.BytesIO()
    Image.fromarray(photo(0)).convert(mode).save(buffer, "jpeg" if mode == "CMYK" else "png")
    with pytest.raises(InputError, match=f"found mode {mode} .*expected 8-bit RGB"):
        single(tmp_path, buffer.getvalue())


def test_sixteen_bits_a_channel_are_refused(tmp_path):
    """Pillow would cut them to eight in silence."""
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(8 * 6) for _ in range(8)))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="with 16 bits a channel"):
        single(tmp_path, data)


def test_size_and_squareness_are_checked(tmp_path):
    with pytest.raises(InputError, match="found 16x12 px, expected a square image"):
        single(tmp_path, png(photo(0)[:12]))
    with pytest.raises(InputError, match="found 16x16 px, expected at least 32x32"):
        single(tmp_path, png(photo(0)), min_px=32)
