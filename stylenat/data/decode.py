"""Strict decoding of image files: 8-bit RGB, square, whole, and never more of it than the header promised.

PNG files go through kornia-rs (Rust's `png`), twice as fast as libpng with the same pixels; what it refuses, and other
formats, through Pillow, which knows what is wrong.
Shape suffixes: pixel_HWC uint8 RGB images.
"""

import io
import struct
import zlib
from importlib.metadata import version

import numpy as np
from kornia_rs.io import decode_image_png_u8
from PIL import Image

from stylenat.core.errors import InputError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = struct.Struct(">IIBB")  # width, height, bits a channel, colour type; at byte 16 of the file
_PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_PNG_CHUNKS_START = 33  # of the file: behind the header's checksum
_MOST_PIXELS = 64 * 1024 * 1024  # of one image: 8192 px square, more than any set here holds
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
_HTML = (b"<!doctype html", b"<html")

DECODER = f"kornia-rs {version('kornia-rs')}, pillow {version('pillow')}"


def decode(data: bytes, where: str) -> np.ndarray:
    """Decode an image file: (H, W, 3) uint8, square. `where` begins every message.

    Raises:
        InputError: the file is empty, no image, torn, not 8-bit RGB, or not square.
    """
    if not data:
        raise InputError(f"{where}: found no bytes, expected an image")
    if data.lstrip()[:14].lower().startswith(_HTML):
        raise InputError(f"{where}: can't be decoded: found an HTML page, expected an image")
    pixel_HWC = _decode_png(data, where) if data.startswith(_PNG_SIGNATURE) else _decode_by_pillow(data, where)
    check_square(pixel_HWC, where)
    return pixel_HWC


def check_square(pixel_HWC: np.ndarray, where: str) -> None:
    """Refuse an image that isn't square with InputError."""
    height_px, width_px = pixel_HWC.shape[:2]
    if height_px != width_px:
        raise InputError(f"{where}: found {width_px}x{height_px} px, expected a square image")


def _decode_png(data: bytes, where: str) -> np.ndarray:
    try:
        width_px, height_px, depth_bits, colour = _PNG_HEADER.unpack_from(data, 16)
    except struct.error:
        raise InputError(f"{where}: can't be decoded (the PNG header is cut off)") from None
    _check_mode(_PNG_MODES.get(colour, f"colour type {colour}"), depth_bits, where)
    _check_pixels(width_px, height_px, where)
    if data.find(b"tRNS", _PNG_CHUNKS_START, max(0, data.find(b"IDAT"))) != -1:
        raise InputError(f"{where}: found a transparent colour, expected opaque 8-bit RGB")
    try:
        return decode_image_png_u8(data, (height_px, width_px), "rgb")
    except Exception:  # kornia-rs raises nothing more special; Pillow judges
        return _decode_by_pillow(data, where)


def _decode_by_pillow(data: bytes, where: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_mode(image.mode, 8, where)
            _check_pixels(*image.size, where)
            image.load()
            return np.asarray(image)
    except InputError:
        raise
    except _PILLOW_ERRORS as error:
        raise InputError(f"{where}: can't be decoded ({error})") from None


def _check_mode(mode: str, depth_bits: int, where: str) -> None:
    if mode != "RGB" or depth_bits != 8:
        raise InputError(f"{where}: found mode {mode} with {depth_bits} bits a channel, expected 8-bit RGB")


def _check_pixels(width_px: int, height_px: int, where: str) -> None:
    if width_px * height_px > _MOST_PIXELS:
        raise InputError(f"{where}: found {width_px}x{height_px} px, expected at most {_MOST_PIXELS} pixels")
