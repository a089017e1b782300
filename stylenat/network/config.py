"""The architecture of a StyleNAT, as a model card's `arch` gives it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt, model_validator

from stylenat.core.strict import parse
from stylenat.nn.skeleton.config import SkeletonArch, resolution_of

OddKernel = Annotated[int, Field(ge=1)]


class Arch(SkeletonArch):
    """A StyleNAT generator and its discriminator."""

    kernel_sizes: list[OddKernel | list[OddKernel]]  # a level: one for all partitions, or one each; 4 x 4 ignores it
    dilations: list[Annotated[list[PositiveInt], Field(min_length=1)]]  # a level: one for each partition

    @model_validator(mode="after")
    def _consistent(self) -> "Arch":
        for name, given in (("kernel_sizes", self.kernel_sizes), ("dilations", self.dilations)):
            if len(given) != self.levels:
                raise ValueError(f"{name} has {len(given)} levels, expected {self.levels} for {self.resolution} px")
        for level in range(1, self.levels):
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

    def kernels(self, level: int) -> list[int]:
        """Kernel sizes of a level, one for each partition."""
        given = self.kernel_sizes[level]
        return given if isinstance(given, list) else [given] * len(self.dilations[level])


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
