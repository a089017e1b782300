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
PHASE_STEP = 7919.0  # a prime: pixels of one image walk through the phases without a visible period


class ControlArch(Strict):
    """A control's `arch`; `images` is the prepared set's manifest, which the harness adds."""

    resolution: PositiveInt
    images: str | None = None


def _uniform(z: torch.Tensor) -> torch.Tensor:
    """Standard normal numbers to uniform ones in [0, 1), float64."""
    return 0.5 * (1 + torch.erf(z.double() / math.sqrt(2)))


class Noise(torch.nn.Module):
    """Uniform noise, every pixel a hash of the image's row of z."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.spec = GeneratorSpec(NOISE_Z_DIM, resolution)

    def forward(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, 16) to images (B, 3, H, W) of independent-looking values in [-1, 1)."""
        side = self.spec.resolution
        place_P = torch.arange(3 * side * side, device=z_BZ.device, dtype=torch.float64)
        u_BZ = _uniform(z_BZ)
        # A few rounds of multiply-and-wrap, each with two of the row's numbers: cheap, exact, free of any state.
        value_BP = u_BZ[:, :1] + place_P * (u_BZ[:, 1:2] + 1) / PHASE_STEP
        for column in range(2, NOISE_Z_DIM, 2):
            value_BP = torch.frac((value_BP + u_BZ[:, column : column + 1]) * (997 + u_BZ[:, column + 1 : column + 2]))
        return (2 * value_BP - 1).float().view(-1, 3, side, side)


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

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict:
        """Raises InputError: there is none."""
        raise InputError(f"control '{self.name}' has no weights to import from {path}")


real, noise = _Control("real"), _Control("noise")
