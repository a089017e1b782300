"""The architecture of a StyleGAN2, as a model card's `arch` gives it.

Level i of a network has resolution 4 * 2 ** i; at 256 px there are 7 levels. The defaults are configuration F.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import PositiveFloat, PositiveInt, model_validator

from stylenat.core.strict import Strict, parse

BASE_PX = 4
MAX_PX = 1024


class Arch(Strict):
    """A StyleGAN2 generator and its discriminator."""

    resolution: PositiveInt
    channel_base: PositiveInt = 32768  # channels of a map times its side; half of it in the paper's 256 px networks
    channel_max: PositiveInt = 512  # caps every width; less makes a small network
    mapping_layers: PositiveInt = 8
    z_dim: PositiveInt = 512
    w_dim: PositiveInt = 512
    mbstd_group_size: PositiveInt = 4  # images that share a deviation at the discriminator's end
    conv_clamp: PositiveFloat | None = 256.0  # bound of every convolution's output; none: unbounded

    @model_validator(mode="after")
    def _consistent(self) -> "Arch":
        if BASE_PX * 2 ** (self.levels - 1) != self.resolution or not BASE_PX < self.resolution <= MAX_PX:
            raise ValueError(f"resolution is {self.resolution}, expected a power of two from 8 to {MAX_PX}")
        if self.channel_base < self.resolution:
            raise ValueError(f"channel_base is {self.channel_base}, expected {self.resolution} or more")
        return self

    @property
    def levels(self) -> int:
        """Number of levels."""
        return max(self.resolution // BASE_PX, 1).bit_length()

    @property
    def sides(self) -> list[int]:
        """Side of each level's map in px, from 4 to the resolution."""
        return [BASE_PX * 2**level for level in range(self.levels)]

    def channels(self, side: int) -> int:
        """Width of the maps of a side."""
        return min(self.channel_base // side, self.channel_max)


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
