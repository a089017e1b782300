"""Named resize operators, each exactly one Pillow operation: the filter is part of what a data set is.

Shape suffixes: pixel_HWC uint8 images (C 3).
"""

from typing import Literal

import numpy as np
from PIL import Image

from stylenat.core.errors import InputError, nearest

ResizeFilter = Literal["none", "box", "bilinear", "bicubic", "lanczos"]

_FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(pixel_HWC: np.ndarray, resolution: int, resize_filter: ResizeFilter) -> np.ndarray:
    """Resize an image to (resolution, resolution, 3) uint8; an image of that size already is returned as it is.

    Raises:
        InputError: the filter is unknown, or is `none` and the sizes differ.
    """
    if resize_filter != "none" and resize_filter not in _FILTERS:
        raise InputError(f"resize filter '{resize_filter}' is unknown; {nearest(resize_filter, ['none', *_FILTERS])}")
    height_px, width_px = pixel_HWC.shape[:2]
    if (height_px, width_px) == (resolution, resolution):
        return pixel_HWC
    if resize_filter == "none":
        raise InputError(
            f"found {width_px}x{height_px} px, expected {resolution}x{resolution}: resize filter 'none' changes no size"
        )
    image = Image.fromarray(pixel_HWC)
    resized = image.resize((resolution, resolution), _FILTERS[resize_filter], reducing_gap=None)
    return np.asarray(resized)
