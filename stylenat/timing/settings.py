"""What a throughput protocol says: the parameters of its card, checked."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from stylenat.core.strict import Strict, parse

Mode = Literal["latency", "throughput", "official"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]

WHAT_IS_TIMED = {
    "latency": "each call alone, from an idle device to its finished image",
    "throughput": "the calls of a round together: the device is waited for once, behind the last of them",
    "official": "each call alone, from an idle device to its finished image, always with the same latents",
}
OUTSIDE = "latents are drawn on the device before; images stay float and where they are"


class Settings(Strict):
    """One definition of speed. A round is `calls` calls of each network, network after network."""

    mode: Mode
    precision: Precision
    batch_size: PositiveInt | None = None
    sweep: bool = False  # batches of 1, 2, 4, ...; the fastest is then measured in rounds of its own
    largest_batch: PositiveInt | None = None  # where a sweep ends on a CPU; on a GPU the memory ends it
    calls: PositiveInt = 1
    round_seconds: PositiveFloat | None = None  # fewer calls where a round would take longer than this
    warmup: PositiveInt  # calls at least
    warmup_seconds: NonNegativeFloat = 0  # and more of them until the calls behind the first took this long
    rounds: PositiveInt
    compiled: bool = False
    cudnn_benchmark: bool = False
    parts: bool = False  # also time mapping, synthesis and what comes behind them

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.sweep != (self.batch_size is None):
            raise ValueError("exactly one of 'batch_size' and 'sweep: true' is needed")
        if self.sweep and self.mode != "throughput":
            raise ValueError(
                f"a sweep looks for the most images a second: mode is '{self.mode}', expected 'throughput'"
            )
        if self.compiled and (self.sweep or self.parts):
            raise ValueError("a compiled network is measured whole, at one batch size: leave out 'sweep' and 'parts'")
        return self

    @property
    def separately(self) -> bool:
        """Whether each call is timed by itself."""
        return self.mode != "throughput"

    @property
    def what(self) -> str:
        """What is timed, in words."""
        return f"{WHAT_IS_TIMED[self.mode]}; {OUTSIDE}"


def parse_settings(parameters: Mapping[str, Any], where: str) -> Settings:
    """The settings in a protocol's parameters; a fault raises InputError that starts with `where`."""
    return parse(dict(parameters), Settings, where)
