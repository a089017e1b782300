"""Controls: the floor and the ceiling of every metric.

`real` draws images again from a prepared set, with replacement; `noise` gives uniform noise. Shape suffixes: z_BZ
latents, image_BCHW images in [-1, 1], pixel_BCHW uint8.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt

from stylenat.core.errors import InputError
from stylenat.core.images import from_uint8
from stylenat.core.interface import GeneratorSpec, Part
from stylenat.core.strict import Strict, parse
from stylenat.data.view import open_prepared

NOISE_Z_DIM = 16
WORD = 0xFFFFFFFF  # 32 bits, held in int64
MIXER = 0x45D9F3B  # below 2 ** 27, so that no product leaves int64


class ControlArch(Strict):
    """A control's `arch`; `images` is the prepared set's manifest, which the harness adds."""

    resolution: PositiveInt
    images: str | None = None


def _uniform(z: torch.Tensor) -> torch.Tensor:
    """Standard normal numbers to uniform ones in [0, 1], float64."""
    return 0.5 * (1 + torch.erf(z.double() / math.sqrt(2)))


def _mix(word: torch.Tensor) -> torch.Tensor:
    """A hash of the low 32 bits: shifts and multiplications, each reversible."""
    word = word & WORD
    for _ in range(2):
        word = ((word >> 16) ^ word) * MIXER & WORD
    return (word >> 16) ^ word


class Noise(torch.nn.Module):
    """Uniform noise, every pixel a hash of the image's row of z; whole numbers, so the same on every device."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.spec = GeneratorSpec(NOISE_Z_DIM, resolution)

    def forward(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, 16) to images (B, 3, H, W) of independent-looking values in [-1, 1)."""
        side = self.spec.resolution
        bits_BZ = z_BZ.float().contiguous().view(torch.int32).long() & WORD
        key_B = torch.zeros_like(bits_BZ[:, 0])
        other_key_B = torch.full_like(key_B, 1)
        for column_B in bits_BZ.unbind(dim=1):
            key_B, other_key_B = _mix(key_B + column_B), _mix(other_key_B ^ column_B)
        place_P = torch.arange(3 * side * side, device=z_BZ.device)
        hash_BP = _mix(_mix(place_P + key_B[:, None]) + other_key_B[:, None])
        return ((hash_BP >> 8).float() * 2**-23 - 1).view(-1, 3, side, side)


class Real(torch.nn.Module):
    """An image of a prepared set for each row of z."""

    def __init__(self, resolution: int, manifest: Path) -> None:
        super().__init__()
        self.spec = GeneratorSpec(1, resolution)
        self.images = open_prepared(manifest)
        if self.images.resolution != resolution:
            raise InputError(f"{manifest}: images of {self.images.resolution} px, expected {resolution} px")

    def forward(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, 1) to images (B, 3, H, W): image floor(Phi(z) N) of N."""
        index_B = (_uniform(z_BZ[:, 0]) * len(self.images)).long().clamp(0, len(self.images) - 1)
        pixel_BCHW = self.images.images_at(index_B.tolist())
        return from_uint8(pixel_BCHW, self.spec).to(z_BZ.device)


class _Control:
    """What both controls lack."""

    def __init__(self, name: str) -> None:
        self.name = name

    def build_generator(self, arch: Mapping[str, Any]) -> torch.nn.Module:
        """The control as a generator."""
        config = parse(dict(arch), ControlArch, "arch")
        if self.name == "noise":
            return Noise(config.resolution)
        if config.images is None:
            raise InputError("control 'real' needs the manifest of a prepared set as 'images'")
        return Real(config.resolution, Path(config.images))

    def build_discriminator(self, arch: Mapping[str, Any]) -> torch.nn.Module:
        """Raises InputError: there is none."""
        raise InputError(f"control '{self.name}' has no discriminator")

    def build_objective(self, options: Mapping[str, Any]) -> torch.nn.Module:
        """Raises InputError: there is none."""
        raise InputError(f"control '{self.name}' is not trained")

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict:
        """Raises InputError: there is none."""
        raise InputError(f"control '{self.name}' has no weights to import from {path}")


real, noise = _Control("real"), _Control("noise")
