"""Differentiable augmentation as the projected discriminator has it (arXiv 2006.10738): colour, shift, cutout.

Shape suffix: image_BCHW in [-1, 1].
"""

import torch

from stylenat.objectives import augment

ORDER = ("brightness", "saturation", "contrast", "shift", "cutout")
CUTOUT_RATIO = 0.2


def diff_augment(image_BCHW: torch.Tensor) -> torch.Tensor:
    """Brightness, saturation and contrast, a shift by up to an eighth (zeros come in), a square set to zero."""
    return augment.apply(image_BCHW, draw(image_BCHW), ORDER)


def draw(image_BCHW: torch.Tensor) -> augment.Draw:
    """Parameters of a batch, one entry an image, of torch's global generator."""
    batch, _, side, _ = image_BCHW.shape
    device, shift_px, cut_px = image_BCHW.device, int(side * augment.SHIFT_RATIO + 0.5), int(side * CUTOUT_RATIO + 0.5)
    brightness_B, saturation_B, contrast_B = torch.rand(3, batch, device=device)
    return augment.Draw(
        mirror_B=torch.zeros(batch, dtype=torch.bool, device=device),
        shift_B2=torch.randint(-shift_px, shift_px + 1, (batch, 2), device=device),
        brightness_B=brightness_B - 0.5,
        saturation_B=2 * saturation_B,
        contrast_B=contrast_B + 0.5,
        cutout_B2=torch.randint(side + 1 - cut_px % 2, (batch, 2), device=device),
        cutout_ratio=CUTOUT_RATIO,
    )
