"""StyleSwin as a Family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.styleswin.checkpoint import import_checkpoint
from baselines.styleswin.discriminator import Discriminator
from baselines.styleswin.generator import Generator
from baselines.styleswin.objective import build_objective
from stylenat.core.interface import Part
from stylenat.objectives.base import Objective


class StyleSwin:
    """Builds StyleSwin's networks and reads its official checkpoints; see `core.interface.Family`."""

    def build_generator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised generator."""
        return Generator(arch)

    def build_discriminator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised discriminator."""
        return Discriminator(arch)

    def build_objective(self, options: Mapping[str, Any]) -> Objective:
        """Logistic loss, lazy R1 and balanced consistency."""
        return build_objective(options)

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
        """The state of one network from an official checkpoint."""
        return import_checkpoint(path, arch, part)


FAMILY = StyleSwin()
