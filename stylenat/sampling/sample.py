"""Generator and seed to uint8 images: image i depends on (seed, i) alone.

Shape suffixes: z_BZ latents, image_BCHW float images in the declared range, pixel_BCHW uint8.
"""

from collections.abc import Iterator

import torch

from stylenat.core.device import backend
from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.seeds import latents


def generate(
    generator: torch.nn.Module, seed: int, rows: range, batch_size: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """The images `rows` of a seed in batches, uint8 (B, 3, H, W) on the device; full float32 precision.

    Raises:
        InputError: the generator is conditional, an image is of another size than declared, or not finite.
    """
    spec = generator.spec
    if spec.num_classes:
        raise InputError(f"the generator expects one of {spec.num_classes} class labels; only unconditional ones run")
    for start in range(rows.start, rows.stop, batch_size):
        z_BZ = latents(seed, range(start, min(start + batch_size, rows.stop)), spec.z_dim)
        with torch.inference_mode(), backend():
            image_BCHW = generator(z_BZ.to(device))
            _check_shape(image_BCHW, (len(z_BZ), 3, spec.resolution, spec.resolution))
            _check_finite(image_BCHW, seed, start)
            pixel_BCHW = to_uint8(image_BCHW, spec)
        yield pixel_BCHW


def _check_shape(image_BCHW: torch.Tensor, expected: tuple[int, ...]) -> None:
    if tuple(image_BCHW.shape) != expected or not image_BCHW.is_floating_point():
        found = f"{str(image_BCHW.dtype).removeprefix('torch.')} {tuple(image_BCHW.shape)}"
        raise InputError(f"the generator gave images as {found}, expected floats {expected}")


def _check_finite(image_BCHW: torch.Tensor, seed: int, start: int) -> None:
    finite_B = torch.isfinite(image_BCHW).flatten(1).all(dim=1)
    if not finite_B.all():
        index = start + int((~finite_B).nonzero()[0])
        raise InputError(f"image {index} of seed {seed} has values that are not finite")
