"""The only place where a declared pixel range becomes uint8, and back.

Shape suffixes: image_BCHW float images in a declared range, pixel_BCHW uint8.
"""

import torch

from stylenat.core.interface import GeneratorSpec


def _channels(values: tuple[float, float, float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


def to_uint8(image_BCHW: torch.Tensor, spec: GeneratorSpec) -> torch.Tensor:
    """Float images in the declared range to uint8: clamped to [0, 1], rounded half up, as PNG writers do."""
    image = image_BCHW.float()
    unit = image * _channels(spec.pixel_std, image) + _channels(spec.pixel_mean, image)
    return (unit.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)


def from_uint8(pixel_BCHW: torch.Tensor, spec: GeneratorSpec) -> torch.Tensor:
    """Uint8 images to float32 in the declared range; the inverse of `to_uint8` on its image."""
    unit = pixel_BCHW.float() / 255
    return (unit - _channels(spec.pixel_mean, unit)) / _channels(spec.pixel_std, unit)
