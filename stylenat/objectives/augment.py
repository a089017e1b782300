"""The augmentation of balanced consistency: what the discriminator must not care about.

One draw per image: mirror, shift by up to an eighth (zeros come in), brightness, saturation, contrast, and a square of
half the side set to zero; in this order unless told otherwise. Colour acts in the declared range of the networks, not
in [0, 1].
Shape suffixes: image_BCHW; columns x_B of parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stylenat.core.seeds import generator_at

SHIFT_RATIO = 1 / 8
CUTOUT_RATIO = 1 / 2
ORDER = ("mirror", "shift", "brightness", "saturation", "contrast", "cutout")


@dataclass(frozen=True)
class Draw:
    """The parameters of a batch, one entry an image."""

    mirror_B: torch.Tensor  # bool
    shift_B2: torch.Tensor  # px down and right, int64
    brightness_B: torch.Tensor  # added, in [-0.5, 0.5)
    saturation_B: torch.Tensor  # factor around the mean of the channels, in [0, 2)
    contrast_B: torch.Tensor  # factor around the mean of the image, in [0.5, 1.5)
    cutout_B2: torch.Tensor  # centre of the square, px, int64
    cutout_ratio: float = CUTOUT_RATIO  # side of the square, over the image's


def draw(seed: int, stream: str, indices: range, side: int) -> Draw:
    """Parameters for images of `side` px; those of an image depend on (seed, stream, its index) alone."""
    shift_px, odd = int(side * SHIFT_RATIO + 0.5), int(side * CUTOUT_RATIO + 0.5) % 2
    rows = [_row(generator_at(seed, stream, index), shift_px, side + 1 - odd) for index in indices]
    mirror, shift, colour, cutout = (np.array(column) for column in zip(*rows, strict=True))
    brightness, saturation, contrast = torch.from_numpy(colour.astype(np.float32)).unbind(1)
    return Draw(
        mirror_B=torch.from_numpy(mirror),
        shift_B2=torch.from_numpy(shift),
        brightness_B=brightness - 0.5,
        saturation_B=2 * saturation,
        contrast_B=contrast + 0.5,
        cutout_B2=torch.from_numpy(cutout),
    )


def _row(rng: np.random.Generator, shift_px: int, places: int) -> tuple[bool, np.ndarray, np.ndarray, np.ndarray]:
    mirror = bool(rng.random() < 0.5)
    shift = rng.integers(-shift_px, shift_px + 1, size=2)
    return mirror, shift, rng.random(3), rng.integers(0, places, size=2)


def apply(image_BCHW: torch.Tensor, chosen: Draw, order: Sequence[str] = ORDER) -> torch.Tensor:
    """The augmented images, differentiable in the images; what `order` leaves out is not done."""
    for name in order:
        image_BCHW = TRANSFORMATIONS[name](image_BCHW, chosen)
    return image_BCHW


def _mirror(image: torch.Tensor, chosen: Draw) -> torch.Tensor:
    return torch.where(_column(chosen.mirror_B, image), image.flip(3), image)


def _brightness(image: torch.Tensor, chosen: Draw) -> torch.Tensor:
    return image + _column(chosen.brightness_B, image)


def _saturation(image: torch.Tensor, chosen: Draw) -> torch.Tensor:
    return _around(image, image.mean(dim=1, keepdim=True), chosen.saturation_B)


def _contrast(image: torch.Tensor, chosen: Draw) -> torch.Tensor:
    return _around(image, image.mean(dim=(1, 2, 3), keepdim=True), chosen.contrast_B)


def _cutout(image: torch.Tensor, chosen: Draw) -> torch.Tensor:
    return image * _cutout_mask(image, chosen.cutout_B2, int(image.shape[2] * chosen.cutout_ratio + 0.5))


def _column(values_B: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values_B.to(like.device).view(-1, 1, 1, 1)


def _around(image: torch.Tensor, centre: torch.Tensor, factor_B: torch.Tensor) -> torch.Tensor:
    return (image - centre) * _column(factor_B, image) + centre


def _shift(image_BCHW: torch.Tensor, chosen: Draw) -> torch.Tensor:
    """Each image moved down and right; pixels from outside are zero."""
    shift_B2 = chosen.shift_B2
    batch, _, height, width = image_BCHW.shape
    device = image_BCHW.device
    y_BH = torch.arange(height, device=device) - shift_B2[:, :1].to(device)
    x_BW = torch.arange(width, device=device) - shift_B2[:, 1:].to(device)
    inside = ((y_BH >= 0) & (y_BH < height))[:, :, None] & ((x_BW >= 0) & (x_BW < width))[:, None, :]
    rows = torch.arange(batch, device=device)[:, None, None]
    y, x = y_BH.clamp(0, height - 1)[:, :, None], x_BW.clamp(0, width - 1)[:, None, :]
    moved_BHWC = image_BCHW.permute(0, 2, 3, 1)[rows, y, x]
    return (moved_BHWC * inside[..., None]).permute(0, 3, 1, 2)


def _cutout_mask(image_BCHW: torch.Tensor, centre_B2: torch.Tensor, side: int) -> torch.Tensor:
    """Zero in a square of `side` px around each centre, clipped at the borders; one elsewhere."""
    _, _, height, width = image_BCHW.shape
    device = image_BCHW.device
    first_B2 = centre_B2.to(device) - side // 2
    y_BH, x_BW = (torch.arange(n, device=device) - first_B2[:, i : i + 1] for i, n in ((0, height), (1, width)))
    hit = ((y_BH >= 0) & (y_BH < side))[:, :, None] & ((x_BW >= 0) & (x_BW < side))[:, None, :]
    return (~hit)[:, None].to(image_BCHW.dtype)


TRANSFORMATIONS: dict[str, Callable[[torch.Tensor, Draw], torch.Tensor]] = {
    "mirror": _mirror,
    "shift": _shift,
    "brightness": _brightness,
    "saturation": _saturation,
    "contrast": _contrast,
    "cutout": _cutout,
}
