"""Differentiable augmentation as the projected discriminator has it (arXiv 2006.10738): colour, shift, cutout.

Draws are of torch's global generator, one an image. Shape suffix: image_BCHW in [-1, 1].
"""

import torch

SHIFT_RATIO = 1 / 8
CUTOUT_RATIO = 0.2


def diff_augment(image_BCHW: torch.Tensor) -> torch.Tensor:
    """Brightness, saturation and contrast, a shift by up to an eighth (zeros come in), a square set to zero."""
    batch, _, side, _ = image_BCHW.shape
    shift_px, cut_px = int(side * SHIFT_RATIO + 0.5), int(side * CUTOUT_RATIO + 0.5)
    brightness, saturation, contrast = torch.rand(3, batch, 1, 1, 1, device=image_BCHW.device)
    shift_B2 = torch.randint(-shift_px, shift_px + 1, (batch, 2), device=image_BCHW.device)
    corner_B2 = torch.randint(side + 1 - cut_px % 2, (batch, 2), device=image_BCHW.device) - cut_px // 2
    image = recolour(image_BCHW, brightness - 0.5, saturation * 2, contrast + 0.5)
    return cut_out(shift(image, shift_B2), corner_B2, cut_px)


def recolour(
    image_BCHW: torch.Tensor, brightness: torch.Tensor, saturation: torch.Tensor, contrast: torch.Tensor
) -> torch.Tensor:
    """Brightness added; saturation and contrast are factors around the mean of the colours and of the image."""
    image = image_BCHW + brightness
    grey = image.mean(dim=1, keepdim=True)
    image = (image - grey) * saturation + grey
    level = image.mean(dim=(1, 2, 3), keepdim=True)
    return (image - level) * contrast + level


def shift(image_BCHW: torch.Tensor, shift_B2: torch.Tensor) -> torch.Tensor:
    """Each image moved by (down, right) px; zeros come in."""
    batch, _, height, width = image_BCHW.shape
    places = torch.arange(batch, device=image_BCHW.device)[:, None, None]
    y_BH1, inside_y = _source(shift_B2[:, 0], height)
    x_BW1, inside_x = _source(shift_B2[:, 1], width)
    moved_BHWC = image_BCHW.permute(0, 2, 3, 1)[places, y_BH1[:, :, None], x_BW1[:, None, :]]
    inside_BHW = inside_y[:, :, None] & inside_x[:, None, :]
    return (moved_BHWC * inside_BHW[..., None]).permute(0, 3, 1, 2)


def _source(shift_B: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each place (B, side) takes its pixel from, and whether that is inside."""
    place = torch.arange(side, device=shift_B.device) - shift_B[:, None]
    return place.clamp(0, side - 1), (place >= 0) & (place < side)


def cut_out(image_BCHW: torch.Tensor, corner_B2: torch.Tensor, side_px: int) -> torch.Tensor:
    """A square of zeros in each image, its upper left corner at (y, x), clipped at the borders."""
    inside = []
    for axis in range(2):
        place = torch.arange(image_BCHW.shape[2 + axis], device=image_BCHW.device) - corner_B2[:, axis, None]
        inside.append((place >= 0) & (place < side_px))
    keep_B1HW = ~(inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return image_BCHW * keep_B1HW
