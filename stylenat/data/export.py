"""A prepared set as one zip file of PNGs: what NVIDIA's tools and clean-fid read.

Members are stored, not packed again: `00012/img00012345.png`, and `dataset.json`, whose `labels` are null: the layout
that NVIDIA's dataset_tool writes. The bytes depend on nothing but the pixels and the PNG encoder's version.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from stylenat.core.files import atomic_path, remove_leftovers
from stylenat.data.stream import open_pool, usable_cores
from stylenat.data.view import PreparedImages

_LEVEL = 1  # PNG loses nothing at any level; higher ones take several times as long for little less
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name


def member_name(index: int) -> str:
    """The name of an image in the archive; NVIDIA's reader sorts by it."""
    return f"{index // 1000:05d}/img{index:08d}.png"


def write_zip(images: PreparedImages, out: Path, workers: int | None = None) -> None:
    """Write all images of a set, and `dataset.json`, into a zip file."""
    remove_leftovers(out)
    with (
        open_pool(images, workers or usable_cores()) as pool,
        atomic_path(out) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
    ):
        encoded = pool.in_order(_png, range(len(images)))
        for index, data in enumerate(tqdm(encoded, "export", len(images), unit="image", file=sys.stderr, disable=None)):
            archive.writestr(_member(member_name(index)), data)
        archive.writestr(_member("dataset.json"), json.dumps({"labels": None}))


def _png(images: PreparedImages, index: int) -> bytes:
    pixel_HWC = np.ascontiguousarray(images.images_at([index])[0].numpy().transpose(1, 2, 0))
    buffer = io.BytesIO()
    Image.fromarray(pixel_HWC).save(buffer, "png", compress_level=_LEVEL)
    return buffer.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    return info
