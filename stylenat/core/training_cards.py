"""The recipes: what a training sees, how it steps, and what of it is kept and shown."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from stylenat.core.cards import Name, NonNegative, Text
from stylenat.core.strict import Strict


class Adam(Strict):
    """Adam's constants for one network, before any lazy-regularisation scaling."""

    lr: PositiveFloat
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.0
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99


class QuickFid(Strict):
    """A FID of few samples at intervals: to watch a training by, never to be compared with another."""

    detector: Name
    count: PositiveInt  # samples, against as many of the training's images
    every_nimg: PositiveInt


# What a recipe says besides what decides the weights.
_REMARKS = ("name", "title", "hardware", "hours", "note", "assumed")
_WATCHING = ("log_nimg", "state_nimg", "keep_states", "keep_every_nimg", "grid_nimg", "quick_fid")
_HOW = ("recompute_from_px", "compile", "channels_last")  # the same formulas, up to rounding


class TrainingCard(Strict):
    """A recipe. Progress is counted in real images shown to the discriminator (nimg)."""

    name: Name
    title: Text
    hardware: Text  # what the recipe was, or is meant to be, run on
    hours: Text  # how long that takes, with its source
    total_nimg: PositiveInt
    batch_size: PositiveInt  # images a step, over all processes
    # Images that go through the networks together: minibatch deviation and batch normalisation see no others, so that
    # this decides numbers, and the number of processes does not. None: the whole batch, which one process alone can do.
    pass_size: PositiveInt | None = None
    generator: Adam
    discriminator: Adam  # TTUR: the two learning rates differ
    lr_decay_start_nimg: NonNegative | None = None  # linear to 0 at total_nimg; none: constant
    unscaled_lr_in_decay: bool = False  # official quirk: D's lazy scaling is dropped once decay starts
    flips: bool = True  # mirrored at random, where the data set allows it
    objective: dict[str, Any]  # losses and regularisers, as the model's family reads them
    ema_decay_per_step: Annotated[float, Field(gt=0, lt=1)] | None = None
    ema_half_life_nimg: PositiveFloat | None = None
    ema_rampup: PositiveFloat | None = None  # the half-life is at most this share of the images seen
    ema_start_nimg: NonNegative = 0  # the average is a copy until then
    ema_buffers: Literal["copied", "averaged"] = "copied"  # running statistics
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"  # bf16: autocast; what is differentiated twice stays in fp32
    recompute_from_px: PositiveInt | None = None  # gradient checkpointing of the generator's levels from this size up
    compile: bool = False  # torch.compile of the generator
    channels_last: bool = False  # the discriminator's memory format
    log_nimg: PositiveInt  # images between two log lines
    state_nimg: PositiveInt  # images between two resumable states
    keep_states: PositiveInt = 2  # the newest ones
    keep_every_nimg: PositiveInt | None = None  # and those at its multiples, for ever
    grid_nimg: PositiveInt | None = None  # images between two pictures of the same latents; none: with each state
    quick_fid: QuickFid | None = None
    seed: NonNegative = 0
    note: str = ""
    assumed: list[str] = Field(default_factory=list)  # what no source confirms

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingCard":
        if (self.ema_decay_per_step is None) == (self.ema_half_life_nimg is None):
            raise ValueError("exactly one of ema_decay_per_step and ema_half_life_nimg is needed")
        if self.ema_rampup is not None and self.ema_half_life_nimg is None:
            raise ValueError("ema_rampup bounds ema_half_life_nimg, which is not given")
        if self.lr_decay_start_nimg is not None and self.lr_decay_start_nimg >= self.total_nimg:
            raise ValueError("lr_decay_start_nimg must lie before total_nimg")
        if self.batch_size % (self.pass_size or self.batch_size):
            raise ValueError(f"batch_size {self.batch_size} is no multiple of pass_size {self.pass_size}")
        if self.keep_every_nimg is not None and self.keep_every_nimg % self.state_nimg:
            raise ValueError(f"keep_every_nimg {self.keep_every_nimg} is no multiple of state_nimg {self.state_nimg}")
        return self

    @property
    def passes(self) -> int:
        """Passes a step, over all processes."""
        return self.batch_size // (self.pass_size or self.batch_size)

    def processes(self, at_most: int) -> int:
        """Into how many processes the passes of a step can be divided, at most so many, but at least one."""
        return max(count for count in range(1, max(1, at_most) + 1) if self.passes % count == 0)

    def decisive(self) -> dict[str, Any]:
        """What decides the weights at a position: a state goes on under any recipe that has this in common."""
        data = self.model_dump(mode="json", exclude={*_REMARKS, *_WATCHING, *_HOW})
        if self.lr_decay_start_nimg is None:
            del data["total_nimg"]  # a constant rate's run may go on past its end
        return data
