"""The demo's raw images: deterministic crops of photographs that scikit-image carries in its wheel.

Shape suffixes: pixel_HWC uint8 RGB images.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageStat

from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.core.seeds import generator_at

# All in the public domain or CC0, as scikit-image's documentation says of each. The hashes fix the crops' pixels.
PHOTOGRAPHS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}
MIN_STD_LEVELS = 16.0  # within a crop's channels: plain sky and shadow lie below


def load_photographs() -> list[np.ndarray]:
    """The photographs, (H, W, 3) uint8; a file that is not the one expected raises InputError."""
    photographs = []
    for name, sha256 in PHOTOGRAPHS.items():
        path = Path(str(files("skimage") / "data" / name))
        found = sha256_file(path)
        if found != sha256:
            raise InputError(f"{path}: sha256 is {found}, expected {sha256}; install the pinned scikit-image")
        with Image.open(path) as image:
            photographs.append(np.asarray(image.convert("RGB")))
    return photographs


def crop_at(photographs: list[np.ndarray], index: int, crop_px: int) -> Image.Image:
    """Crop `index`: a photograph, side and place drawn from (0, "photographs", index) alone; flat ones are redrawn."""
    rng = generator_at(0, "photographs", index)
    while True:  # the photographs are fixed, and most of their area is not flat
        pixel_HWC = photographs[rng.integers(len(photographs))]
        height_px, width_px = pixel_HWC.shape[:2]
        side_px = int(rng.integers(crop_px, min(height_px, width_px) + 1))
        top_px = int(rng.integers(height_px - side_px + 1))
        left_px = int(rng.integers(width_px - side_px + 1))
        cut = Image.fromarray(pixel_HWC[top_px : top_px + side_px, left_px : left_px + side_px])
        crop = cut.resize((crop_px, crop_px), Image.Resampling.LANCZOS, reducing_gap=None)
        if np.mean(ImageStat.Stat(crop).stddev) >= MIN_STD_LEVELS:
            return crop


def write_crops(folder: Path, crops: int, crop_px: int) -> None:
    """Write `crops` PNGs of crop_px x crop_px into an existing folder: 00000.png, 00001.png, ..."""
    photographs = load_photographs()
    smallest_px = min(min(pixel_HWC.shape[:2]) for pixel_HWC in photographs)
    if crop_px > smallest_px:
        raise InputError(f"crop_px is {crop_px}, expected at most {smallest_px}: the smallest photograph's side")
    for index in range(crops):
        crop_at(photographs, index, crop_px).save(folder / f"{index:05d}.png", compress_level=1)
