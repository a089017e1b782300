"""The architecture of a StyleSwin, as a model card's `arch` gives it."""

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from stylenat.core.strict import parse
from stylenat.nn.skeleton.config import SkeletonArch, resolution_of

WINDOW_PX = 8


class Arch(SkeletonArch):
    """A StyleSwin generator and its discriminator."""

    @model_validator(mode="after")
    def _two_groups(self) -> "Arch":
        for level in range(self.levels):
            side, heads = resolution_of(level), self.heads(level)
            if heads % 2 or self.channels(side) % heads:
                raise ValueError(
                    f"{side} px: {self.channels(side)} channels can't be divided among {heads} heads in two groups"
                )
        return self

    def window(self, level: int) -> int:
        """Side of a level's windows in px; the whole map where that is smaller."""
        return min(resolution_of(level), WINDOW_PX)


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
