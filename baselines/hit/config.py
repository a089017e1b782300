"""The architecture of a HiT, as a model card's `arch` gives it.

Stage i of the generator has resolution 8 * 2 ** i; the lists have an entry for each stage, from 8 x 8 up.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from stylenat.core.strict import Strict, parse

BASE_PX = 8
MAX_PX = 1024
EMBEDDINGS = 16  # tokens that every stage attends to
WIDTH_PER_MULTIPLIER = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
FULL_WIDTH = 512  # of the discriminator at 4 to 32 px

PerStage = Annotated[list[PositiveInt], Field(min_length=1)]


class Arch(Strict):
    """A HiT generator and its discriminator.

    A stage begins with cross-attention to the embedding, as wide as the first stage. Behind it come `layers` blocks of
    axial attention within and across patches, or plain MLPs where the stage has no patches.
    """

    resolution: PositiveInt
    channels: PerStage
    layers: PerStage
    heads: PerStage
    patches: list[NonNegativeInt]  # side of a patch; 0 for none
    rgb_stages: PositiveInt  # the last so many stages make images, which are summed
    z_dim: PositiveInt = 512
    channel_multiplier: PositiveInt = 2  # of the discriminator
    max_channels: PositiveInt | None = None  # caps every width of both networks; none: those of the lists

    @model_validator(mode="after")
    def _consistent(self) -> "Arch":
        if BASE_PX * 2 ** (self.stages - 1) != self.resolution or self.resolution > MAX_PX:
            raise ValueError(f"resolution is {self.resolution}, expected a power of two from {BASE_PX} to {MAX_PX}")
        for name in ("channels", "layers", "heads", "patches"):
            found = len(getattr(self, name))
            if found != self.stages:
                raise ValueError(f"{name} has {found} stages, expected {self.stages} for {self.resolution} px")
        if self.rgb_stages > self.stages:
            raise ValueError(f"rgb_stages is {self.rgb_stages}, expected at most {self.stages}")
        for stage in range(self.stages):
            self._check_stage(stage)
        return self

    def _check_stage(self, stage: int) -> None:
        side, width, heads, patch = self.side(stage), self.width(stage), self.heads[stage], self.patches[stage]
        if width % heads:
            raise ValueError(f"{side} px: found {width} channels for {heads} heads, expected a multiple of the heads")
        if stage < self.stages - 1 and width % 4:
            raise ValueError(f"{side} px: found {width} channels, expected a multiple of 4 for 2 x 2 pixels")
        if patch and side % patch:
            raise ValueError(f"{side} px: found patches of {patch} px, expected a divisor of the side")
        if patch and heads % 2:
            raise ValueError(f"{side} px: found {heads} heads, expected an even number for axial attention")

    @property
    def stages(self) -> int:
        """Number of stages."""
        return max(self.resolution // BASE_PX, 1).bit_length()

    @property
    def embedding_width(self) -> int:
        """Width of the embedding."""
        return self.width(0)

    def side(self, stage: int) -> int:
        """Side of a stage's map in px."""
        return BASE_PX * 2**stage

    def width(self, stage: int) -> int:
        """Channels of a stage."""
        return self._capped(self.channels[stage])

    def discriminator_width(self, side: int) -> int:
        """Channels that the discriminator has by the name of a resolution."""
        width = WIDTH_PER_MULTIPLIER.get(side)
        return self._capped(FULL_WIDTH if width is None else width * self.channel_multiplier)

    def _capped(self, width: int) -> int:
        return width if self.max_channels is None else min(width, self.max_channels)


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
