"""StyleGAN-XL as a Family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.stylegan_xl.checkpoint import import_checkpoint
from baselines.stylegan_xl.discriminator import Discriminator
from baselines.stylegan_xl.generator import Generator
from baselines.stylegan_xl.objective import ProjectedObjective
from stylenat.core.interface import Part
from stylenat.objectives import Objective


class StyleGANXL:
    """Builds StyleGAN-XL's networks and objective; see `core.interface.Family`."""

    def build_generator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised generator."""
        return Generator(arch)

    def build_discriminator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised discriminator on the feature networks that `arch` names."""
        return Discriminator(arch)

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
        """The state of one network from an official checkpoint."""
        return import_checkpoint(path, arch, part)

    def build_objective(self, options: Mapping[str, Any]) -> Objective:
        """What a training card's `objective` says."""
        return ProjectedObjective(options)


FAMILY = StyleGANXL()
