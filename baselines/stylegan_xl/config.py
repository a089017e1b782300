"""The architecture of a StyleGAN-XL, as a model card's `arch` gives it: a stem and its super-resolution stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from stylenat.core.strict import Strict, parse

Layers = Annotated[int, Field(ge=3)]  # two of them are critically sampled, and one must be left
UpFactor = Literal[2, 4, 8, 16]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]  # or its beginning, which torch's file names hold


class WeightFile(Strict):
    """A pretrained network's weights in timm's state dict format: safetensors, or a torch file of tensors."""

    file: Path
    sha256: Sha256


class Features(Strict):
    """Where the weights of the frozen feature networks come from: two files, or a seed (demos and tests)."""

    deit: WeightFile | None = None
    lite0: WeightFile | None = None
    random_seed: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Features":
        files = (self.deit is not None) + (self.lite0 is not None)
        if files != (2 if self.random_seed is None else 0):
            seed = "no random_seed" if self.random_seed is None else "a random_seed"
            raise ValueError(f"found {files} files and {seed}, expected deit and lite0, or random_seed alone")
        return self


class Arch(Strict):
    """A StyleGAN-XL generator and its projected discriminator; flags are named in comments as released."""

    resolution: PositiveInt
    stem_resolution: PositiveInt = 16
    stem_layers: Layers = 7  # --syn_layers, without the RGB layer
    up_factors: list[UpFactor] = Field(default=[])  # one for each super-resolution stage
    head_layers: Layers | list[Layers] = 4  # --head_layers of all stages, or one for each
    channel_base: PositiveInt = 16384  # --cbase
    channel_max: PositiveInt = 256  # --cmax; less makes a small network
    z_dim: PositiveInt = 64
    w_dim: PositiveInt = 512
    mapping_layers: PositiveInt = 2
    w_avg_beta: Annotated[float, Field(ge=0, lt=1)] = 0.998
    deit: Literal["base", "small", "tiny"] = "base"  # size of the distilled DeiT; the official one is base
    feature_px: PositiveInt = 224  # side of the images that DeiT sees, and the least that EfficientNet-lite0 does
    head_max_channels: PositiveInt = 512  # caps the widths of the discriminator's heads; less makes small ones
    features: Features | None = None  # None: arbitrary weights, for counting parameters

    @model_validator(mode="after")
    def _consistent(self) -> "Arch":
        side = self.stem_resolution
        if side < 16 or side & (side - 1):
            raise ValueError(f"stem_resolution is {side}, expected a power of two from 16")
        for factor in self.up_factors:
            side *= factor
        if side != self.resolution:
            raise ValueError(f"resolution is {self.resolution}, expected {side} (stem_resolution times up_factors)")
        if isinstance(self.head_layers, list) and len(self.head_layers) != len(self.up_factors):
            raise ValueError(f"head_layers has {len(self.head_layers)} stages, up_factors {len(self.up_factors)}")
        if self.feature_px < 128 or self.feature_px % 32:
            raise ValueError(f"feature_px is {self.feature_px}, expected a multiple of 32 from 128")
        return self

    @property
    def stage_layers(self) -> list[int]:
        """Head layers of each stage."""
        given = self.head_layers
        return list(given) if isinstance(given, list) else [given] * len(self.up_factors)

    def before_last_stage(self) -> "Arch":
        """The network that the last stage grows from."""
        assert self.up_factors
        resolution = self.resolution // self.up_factors[-1]
        changes = {"resolution": resolution, "up_factors": self.up_factors[:-1], "head_layers": self.stage_layers[:-1]}
        return self.model_copy(update=changes)


def parse_arch(arch: Mapping[str, Any]) -> Arch:
    """Validate a card's `arch`; a fault raises InputError."""
    return parse(dict(arch), Arch, "arch")
