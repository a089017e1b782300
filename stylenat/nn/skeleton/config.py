"""The architecture of the skeleton that StyleNAT and StyleSwin share.

Level i of a network has resolution 4 * 2 ** i; at 256 px there are 7 levels.
"""

from pydantic import PositiveInt, model_validator

from stylenat.core.strict import Strict

BASE_PX = 4
HEAD_DIM = 32  # channels a head, where there are enough of them
WIDTH_PER_MULTIPLIER = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
FULL_WIDTH = 512  # at 4 to 32 px


class SkeletonArch(Strict):
    """A generator of the skeleton, and its wavelet discriminator."""

    resolution: PositiveInt
    channel_multiplier: PositiveInt = 2  # of the generator
    discriminator_multiplier: PositiveInt = 2
    min_heads: PositiveInt = 4
    max_channels: PositiveInt = FULL_WIDTH  # caps every width; less than 512 makes a small network
    style_dim: PositiveInt = 512
    mapping_layers: PositiveInt = 8

    @model_validator(mode="after")
    def _power_of_two(self) -> "SkeletonArch":
        levels = self.levels
        if BASE_PX * 2 ** (levels - 1) != self.resolution or self.resolution > max(WIDTH_PER_MULTIPLIER) or levels < 2:
            raise ValueError(f"resolution is {self.resolution}, expected a power of two from 8 to 1024")
        return self

    @property
    def levels(self) -> int:
        """Number of levels."""
        return max(self.resolution // BASE_PX, 1).bit_length()

    def channels(self, resolution: int) -> int:
        """Width of the generator at a resolution."""
        return self._width(resolution, self.channel_multiplier)

    def discriminator_channels(self, resolution: int) -> int:
        """Width that the discriminator has by the name of a resolution."""
        return self._width(resolution, self.discriminator_multiplier)

    def _width(self, resolution: int, multiplier: int) -> int:
        width = WIDTH_PER_MULTIPLIER.get(resolution)
        return min(FULL_WIDTH if width is None else width * multiplier, self.max_channels)

    def heads(self, level: int) -> int:
        """Number of attention heads of a level."""
        return max(self.channels(resolution_of(level)) // HEAD_DIM, self.min_heads)


def resolution_of(level: int) -> int:
    """Side of a level's map in px."""
    return BASE_PX * 2**level
