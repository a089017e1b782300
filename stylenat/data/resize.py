"""Named resize operators, each one exact definition: the filter is part of what a data set is.

    none         no change of size
    tfrecord     means of 2 x 2 blocks in float32, halving until the size fits, rounded once at the end, half to even:
                 what the exporter of StyleGAN's TFRecords computes, and cv2.INTER_AREA at such ratios, bit for bit
    box, bilinear-aa, bicubic, lanczos
                 Pillow's filters of these names on 8-bit images, with their support widened by the ratio (antialiasing)

Shape suffixes: pixel_HWC uint8 images (C 3).
"""

from importlib.metadata import version

import numpy as np
from PIL import Image

from stylenat.core.cards import ResizeFilter
from stylenat.core.errors import InputError, nearest

_PILLOW = {
    "box": Image.Resampling.BOX,
    "bilinear-aa": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_LARGEST_RATIO = 16  # sums of 16 x 16 bytes still fit 16 bits


def resize(pixel_HWC: np.ndarray, resolution: int, resize_filter: ResizeFilter) -> np.ndarray:
    """Resize an image to (resolution, resolution, 3) uint8; an image of that size already is returned as it is.

    Raises:
        InputError: the filter is unknown, or can't make this size of that one.
    """
    if resize_filter not in ("none", "tfrecord") and resize_filter not in _PILLOW:
        names = ["none", "tfrecord", *_PILLOW]
        raise InputError(f"resize filter '{resize_filter}' is unknown; {nearest(resize_filter, names)}")
    height_px, width_px = pixel_HWC.shape[:2]
    if (height_px, width_px) == (resolution, resolution):
        return pixel_HWC
    if resize_filter == "none":
        raise InputError(
            f"found {width_px}x{height_px} px, expected {resolution}x{resolution}: resize filter 'none' changes no size"
        )
    if resize_filter == "tfrecord":
        return _halved(pixel_HWC, resolution)
    image = Image.new("RGB", (width_px, height_px), None)  # not filled first, as Image.fromarray does
    image.frombytes(np.ascontiguousarray(pixel_HWC))
    resized = image.resize((resolution, resolution), _PILLOW[resize_filter], reducing_gap=None)
    return np.asarray(resized)


def _halved(pixel_HWC: np.ndarray, resolution: int) -> np.ndarray:
    """Means over blocks, rounded half to even.

    Means of means of 2 x 2 are exact in float32 up to the final rounding, so integer sums over whole blocks give the
    same bits.
    """
    side_px = pixel_HWC.shape[0]
    ratio = side_px // resolution
    halves = ratio in (2, 4, 8, _LARGEST_RATIO) and ratio * resolution == side_px == pixel_HWC.shape[1]
    if not halves:
        raise InputError(
            f"found {pixel_HWC.shape[1]}x{side_px} px, expected 2, 4, 8 or 16 times {resolution}x{resolution}: resize"
            " filter 'tfrecord' halves"
        )
    rows = pixel_HWC.reshape(resolution, ratio, resolution, ratio, 3)
    sums = _sum_of(_sum_of(rows, 1), 2)
    shift = 2 * (ratio.bit_length() - 1)
    odd = (sums >> shift) & 1
    return ((sums.astype(np.uint32) + (1 << (shift - 1)) - 1 + odd) >> shift).astype(np.uint8)


def _sum_of(values: np.ndarray, axis: int) -> np.ndarray:
    """Sums along a short axis in 16 bits; slice by slice that is three times as fast as np.sum."""
    first, *others = np.moveaxis(values, axis, 0)
    sums = first.astype(np.uint16)
    for other in others:
        sums += other
    return sums


def library_of(resize_filter: ResizeFilter) -> str:
    """The library whose code an operator is, and its version: `pillow 13.0.0`; `none` where nothing is resized."""
    if resize_filter == "none":
        return "none"
    name = "pillow" if resize_filter in _PILLOW else "numpy"
    return f"{name} {version(name)}"
