import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from support.files import png, png_of_16_bits, png_of_chunks, png_of_size, recoloured
from support.toys import photo

from stylenat.core.errors import InputError
from stylenat.data.decode import decode


@pytest.mark.parametrize("options", [{}, {"compress_level": 1}, {"optimize": True}, {"dpi": (300, 300)}])
def test_a_png_gives_the_pixels_that_pillow_gives(options):
    data = png(photo(0, 64), **options)
    assert np.array_equal(decode(data, "x"), np.asarray(Image.open(io.BytesIO(data))))


def test_gamma_and_text_change_no_pixel():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a picture")
    info.add(b"gAMA", (45455).to_bytes(4, "big"))
    assert np.array_equal(decode(png(photo(0), pnginfo=info), "x"), photo(0))


def test_an_interlaced_png_is_read():
    """Seven passes; as nothing here writes them, the bytes are of a 2 x 2 image made by hand."""
    pixels = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]], np.uint8)
    passes = b"\0" + pixels[0, 0].tobytes() + b"\0" + pixels[0, 1].tobytes() + b"\0" + pixels[1].tobytes()
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 1)
    data = png_of_chunks(header, zlib.compress(passes))
    assert np.array_equal(decode(data, "x"), pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)


@pytest.mark.parametrize("name", ["webp", "jpeg"])
def test_other_formats_are_read_by_pillow(name):
    buffer = io.BytesIO()
    Image.fromarray(photo(0)).save(buffer, name, **({"lossless": True} if name == "webp" else {"quality": 100}))
    found = decode(buffer.getvalue(), "x")
    assert np.array_equal(found, np.asarray(Image.open(buffer)))


FAULTS = {
    "no bytes": (b"", "found no bytes, expected an image"),
    "a cut file": (png(photo(0))[:400], "can't be decoded"),
    "a cut header": (png(photo(0))[:20], "can't be decoded .the PNG header is cut off"),
    "the signature alone": (png(photo(0))[:8], "can't be decoded"),
    "HTML": (
        b"\n <!DOCTYPE html><html>quota exceeded</html>",
        "can't be decoded: found an HTML page, expected an image",
    ),
    "text": (b"no image at all", "can't be decoded"),
    "16 bits": (png_of_16_bits(), "found mode RGB with 16 bits a channel, expected 8-bit RGB"),
    "grayscale": (recoloured("L"), "found mode L with 8 bits a channel, expected 8-bit RGB"),
    "black and white": (recoloured("1"), "found mode L with 1 bits a channel, expected 8-bit RGB"),
    "palette": (recoloured("P"), "found mode P with 8 bits a channel, expected 8-bit RGB"),
    "RGBA": (recoloured("RGBA"), "found mode RGBA with 8 bits a channel, expected 8-bit RGB"),
    "gray and alpha": (recoloured("LA"), "found mode LA with 8 bits a channel, expected 8-bit RGB"),
    "CMYK JPEG": (recoloured("CMYK", file_format="jpeg"), "found mode CMYK with 8 bits a channel, expected 8-bit RGB"),
    "gray JPEG": (recoloured("L", file_format="jpeg"), "found mode L with 8 bits a channel, expected 8-bit RGB"),
    "not square": (png(photo(0)[:12]), "found 16x12 px, expected a square image"),
    "a bomb": (png_of_size(60000, 60000), "found 60000x60000 px, expected at most"),
    "no pixels": (png_of_size(16, 16), "can't be decoded"),
    "transparent": (png(photo(0), transparency=(1, 2, 3)), "found a transparent colour, expected opaque 8-bit RGB"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_whole_square_rgb_image_is_refused_in_one_line(fault):
    data, message = FAULTS[fault]
    with pytest.raises(InputError, match=f"^raw/a.png: {message}") as caught:
        decode(data, "raw/a.png")
    assert "\n" not in str(caught.value)


def test_every_cut_is_refused_or_gives_the_whole_image():
    """A file that lacks only its end mark has all its pixels; nothing in between may pass."""
    pixels = photo(0)
    data = png(pixels)
    for length in range(len(data)):
        try:
            found = decode(data[:length], "x")
        except InputError:
            continue
        assert np.array_equal(found, pixels)
        assert length > len(data) - 30


def test_flipped_bits_are_refused_or_change_no_pixel():
    pixels = photo(0)
    data = png(pixels)
    for place in range(len(data)):
        harmed = bytearray(data)
        harmed[place] ^= 0x10
        try:
            found = decode(bytes(harmed), "x")
        except InputError:
            continue
        assert np.array_equal(found, pixels), place
