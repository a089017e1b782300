"""The architecture of a StyleNAT, as a model card's `arch` gives it.

Level i of a network has resolution 4 * 2 ** i; at 256 px there are 7 levels.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt, model_validator

from stylenat.core.strict import Strict, parse

BASE_PX = 4
HEAD_DIM = 32  # channels a head, where there are enough of them
WIDTH_PER_MULTIPLIER = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
FULL_WIDTH = 512  # at 4 to 32 px

OddKernel = Annotated[int, Field(ge=1)]


class Arch(Strict):
    """A StyleNAT generator and its discriminator."""

    resolution: PositiveInt
    channel_multiplier: PositiveInt = 2
    min_heads: PositiveInt = 4
    max_channels: PositiveInt = FULL_WIDTH  # caps every width; less than 512 makes a small network
    style_dim: PositiveInt = 512
    mapping_layers: PositiveInt = 8
    kernel_sizes: list[OddKernel | list[OddKernel]]  # a level: one for all partitions, or one each; 4 x 4 ignores it
    dilations: list[Annotated[list[PositiveInt], Field(min_length=1)]]  # a level: one for each partition

    @model_validator(mode="after")
    def _consistent(self) -> "Arch":
        levels = self.levels
        if BASE_PX * 2 ** (levels - 1) != self.resolution or self.resolution > max(WIDTH_PER_MULTIPLIER) or levels < 2:
            raise ValueError(f"resolution is {self.resolution}, expected a power of two from 8 to 1024")
        for name, given in (("kernel_sizes", self.kernel_sizes), ("dilations", self.dilations)):
            if len(given) != levels:
                raise ValueError(f"{name} has {len(given)} levels, expected {levels} for {self.resolution} px")
        for level in range(1, levels):
            self._check_level(level)
        return self

    def _check_level(self, level: int) -> None:
        side, kernels, dilations = resolution_of(level), self.kernels(level), self.dilations[level]
        if len(kernels) != len(dilations):
            raise ValueError(f"{side} px: found {len(kernels)} kernel sizes for {len(dilations)} dilations")
        for kernel, dilation in zip(kernels, dilations, strict=True):
            if kernel % 2 == 0 or kernel * dilation > side:
                raise ValueError(f"{side} px: kernel {kernel} with dilation {dilation}: must be odd and fit the map")
        if len(dilations) > self.heads(level):
            raise ValueError(f"{side} px: found {len(dilations)} partitions for {self.heads(level)} heads")

    @property
    def levels(self) -> int:
        """Number of levels."""
        return max(self.resolution // BASE_PX, 1).bit_length()

    def channels(self, resolution: int) -> int:
        """Width at a resolution."""
        width = WIDTH_PER_MULTIPLIER.get(resolution)
        return min(FULL_WIDTH if width is None else width * self.channel_multiplier, self.max_channels)

    def heads(self, level: int) -> int:
        """Number of attention heads of a level."""
        return max(self.channels(resolution_of(level)) // HEAD_DIM, self.min_heads)

    def kernels(self, level: int) -> list[int]:
        """Kernel sizes of a level, one for each partition."""
        given = self.kernel_sizes[level]
        return given if isinstance(given, list) else [given] * len(self.dilations[level])


def resolution_of(level: int) -> int:
    """Side of a level's map in px."""
    return BASE_PX * 2**level


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
