"""StyleGAN2 as a Family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.stylegan2.checkpoint import import_checkpoint
from baselines.stylegan2.discriminator import Discriminator
from baselines.stylegan2.generator import Generator
from baselines.stylegan2.objective import build_objective
from stylenat.core.interface import Part
from stylenat.objectives import Objective


class StyleGAN2:
    """Builds StyleGAN2's networks and losses, and reads official checkpoints; see `core.interface.Family`."""

    def build_generator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised generator."""
        return Generator(arch)

    def build_discriminator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised discriminator."""
        return Discriminator(arch)

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
        """The state of one network from an official checkpoint."""
        return import_checkpoint(path, arch, part)

    def build_objective(self, options: Mapping[str, Any]) -> Objective:
        """The losses and lazy regularisers; unknown options raise InputError."""
        return build_objective(options)


FAMILY = StyleGAN2()
