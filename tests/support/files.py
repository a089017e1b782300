"""Image files, sound and broken, and FFHQ's list of what they must be."""

import hashlib
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

from support.toys import photo


def png(pixels, **options):
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", **options)
    return buffer.getvalue()


def recoloured(mode, size=16, file_format="png"):
    """A picture in another mode than RGB."""
    buffer = io.BytesIO()
    Image.fromarray(photo(0, size)).convert(mode).save(buffer, file_format)
    return buffer.getvalue()


def png_of_chunks(header, body):
    """A PNG of its two parts: IHDR's bytes, and the compressed rows."""
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_16_bits(side=16):
    """A black RGB PNG with 16 bits a channel."""
    rows = zlib.compress(b"".join(b"\0" + bytes(side * 6) for _ in range(side)))
    header = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
    return png_of_chunks(header, rows)


def png_of_size(width, height):
    """A PNG whose header promises a size, with no pixels behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return png_of_chunks(header, zlib.compress(b""))


def official_entry(number, pixels, data, training, url="https://example.org/"):
    """One entry of FFHQ's list; its other parts are left out."""
    path = f"images1024x1024/{number // 1000 * 1000:05d}/{number:05d}.png"
    return {
        "category": "training" if number < training else "validation",
        "image": {
            "file_url": f"{url}{number}",
            "file_path": path,
            "file_size": len(data),
            "file_md5": hashlib.md5(data).hexdigest(),
            "pixel_size": [pixels.shape[1], pixels.shape[0]],
            "pixel_md5": hashlib.md5(np.ascontiguousarray(pixels)).hexdigest(),
        },
        "metadata": {"license": "none"},
        "in_the_wild": {"face_landmarks": [[1.5, 2.5]]},
    }


def write_official(folder, count, size=16, training=None, url="https://example.org/"):
    """A set as FFHQ is released: nested PNG files, and the list in `ffhq-dataset-v2.json`; gives both places."""
    entries = {}
    for number in range(count):
        pixels = photo(number, size)
        data = png(pixels)
        entry = official_entry(number, pixels, data, count if training is None else training, url)
        entries[str(number)] = entry
        path = folder / entry["image"]["file_path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    listing = folder / "ffhq-dataset-v2.json"
    listing.write_text(json.dumps(entries))
    return folder / "images1024x1024", listing
