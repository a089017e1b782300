"""HiT as a Family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.hit.checkpoint import import_checkpoint
from baselines.hit.discriminator import Discriminator
from baselines.hit.generator import Generator
from baselines.hit.objective import build_objective
from stylenat.core.interface import Part
from stylenat.objectives import Objective


class HiT:
    """Builds HiT's networks and losses; official checkpoints do not exist; see `core.interface.Family`."""

    def build_generator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised generator."""
        return Generator(arch)

    def build_discriminator(self, arch: Mapping[str, Any]) -> nn.Module:
        """A freshly initialised discriminator."""
        return Discriminator(arch)

    def import_checkpoint(self, path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
        """Raises InputError: no weights were ever published."""
        return import_checkpoint(path, arch, part)

    def build_objective(self, options: Mapping[str, Any]) -> Objective:
        """Logistic loss, R1 and balanced consistency in every step; unknown options raise InputError."""
        return build_objective(options)


FAMILY = HiT()
