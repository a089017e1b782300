"""The contract between networks and harness.

Shape suffixes: z_BZ latents, labels_B class labels, image_BCHW images (B batch, Z latent size, C 3, H = W resolution).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

Part = Literal["generator", "discriminator"]


@dataclass(frozen=True)
class GeneratorSpec:
    """What a generator takes and gives. Pixel in [0, 1] = image * pixel_std + pixel_mean, per channel."""

    z_dim: int
    resolution: int
    num_classes: int = 0
    pixel_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    pixel_std: tuple[float, float, float] = (0.5, 0.5, 0.5)


class Generator(Protocol):
    """A generator: image i is a pure function of row i of z."""

    spec: GeneratorSpec

    def __call__(self, z_BZ: torch.Tensor, labels_B: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (B, Z) to images (B, 3, H, W), float32, in the declared range."""
        ...

    def levels(self) -> list[tuple[int, torch.nn.Module]]:
        """The modules that may be compiled, or run again for the gradient, one by one: each with its side in px."""
        ...


class Family(Protocol):
    """One kind of network: how it is built and how foreign checkpoints are read."""

    def build_generator(self, arch: Mapping[str, Any]) -> torch.nn.Module:
        """A freshly initialised Generator; unknown keys of `arch` raise InputError."""
        ...

    def build_discriminator(self, arch: Mapping[str, Any]) -> torch.nn.Module:
        """A freshly initialised discriminator: images (B, 3, H, W) in the declared range to logits (B, 1)."""
        ...

    def build_objective(self, options: Mapping[str, Any]) -> torch.nn.Module:
        """What the networks minimise, an `objectives.Objective` from a training card; unknown keys raise InputError."""
        ...

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict:
        """The state dict of one network from a foreign file, EMA preferred; any key left over raises InputError."""
        ...


@dataclass(frozen=True)
class NetworkFamily:
    """A Family made of its four functions."""

    build_generator: Callable[[Mapping[str, Any]], torch.nn.Module]
    build_discriminator: Callable[[Mapping[str, Any]], torch.nn.Module]
    build_objective: Callable[[Mapping[str, Any]], torch.nn.Module]
    import_checkpoint: Callable[..., dict]
