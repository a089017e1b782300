"""The simulation behind the error bars of a Fréchet distance, as a file: what was asked, and what it came to."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from stylenat.core.files import read_json
from stylenat.core.strict import Strict, parse


class Setup(Strict):
    """What is simulated: features of known distribution, drawn again and again beside one fixed set of reals.

    The defaults keep to the scale of a full run: 25 images a feature, about as 50,000 images have on 2,048 features,
    and reals that outnumber the fakes as 70,000 do 50,000.
    """

    seed: int = Field(0, ge=0)
    width: int = Field(24, ge=2)  # features
    count: int = Field(600, ge=20)  # fakes of one draw
    real_count: int = Field(840, ge=20)
    decay: float = Field(0.5, ge=0)  # the reals' eigenvalues are k^-decay
    freedom: float = Field(8, gt=4)  # of the Student t that the features mix; influences need four moments
    distortion: float = Field(0.3, ge=0)  # of the fakes' mixing, beside the reals'
    shift: float = Field(0.15, ge=0)  # of the fakes' mean, in deviations of the reals
    draws: int = Field(1000, ge=2)
    groups: int = Field(20, ge=5)  # that the jackknife leaves out one by one
    sizes: int = Field(15, ge=2)  # that the regression runs over, from a tenth of a draw to all of it
    bootstrap_draws: int = Field(100, ge=2)  # the first draws, which are also kept for the figure
    resamples: int = Field(200, ge=20)
    curve_counts: list[int] = Field([300, 1200, 2400], min_length=1)  # further numbers of fakes, for the bias
    curve_draws: int = Field(500, ge=2)

    @model_validator(mode="after")
    def _consistent(self) -> "Setup":
        if self.count % self.groups:
            raise ValueError(f"found {self.count} fakes in {self.groups} groups, expected groups of one size")
        if min(self.count - self.count // self.groups, self.real_count, *self.curve_counts) <= self.width:
            raise ValueError(f"expected more images than the {self.width} features, in every set")
        if self.bootstrap_draws > self.draws:
            raise ValueError(f"found {self.bootstrap_draws} draws for the bootstrap of {self.draws} in all")
        return self


class Estimator(Strict):
    """One way to estimate, over the draws: where it lands, what it says of its own error, and how often that holds."""

    target: float  # what it estimates
    mean: float
    deviation: float  # standard deviation over the draws
    standard_error: float | None = None  # mean of those that it gives itself; none: it gives none
    coverage: float | None = None  # share of draws whose 95 % interval holds the target; none: it gives no interval
    draws: int


class CurvePoint(Strict):
    """The mean distance at one number of fakes."""

    count: int
    mean: float
    standard_error: float  # of that mean
    draws: int


class Draws(Strict):
    """The first draws: their distances and 95 % intervals, in the order drawn."""

    distance: list[float]
    influence: list[tuple[float, float]]
    bootstrap: list[tuple[float, float]]


class Simulation(Strict):
    """All that the simulation came to."""

    schema_version: Literal[1] = 1
    setup: Setup
    truth: float  # the distance of infinitely many fakes to these reals
    expected: float  # the mean distance over draws of `setup.count` fakes
    influence: Estimator  # the distance of a draw, with its influence function's error; target: `expected`
    bootstrap: Estimator  # mean and percentiles of distances of resampled draws; target: `expected`
    jackknife: Estimator  # by groups left out; target: `truth`
    regression: Estimator  # on 1 / N over sizes; target: `truth`
    bootstrap_holds_own: float  # share of bootstrap intervals that hold the distance of their own draw
    curve: list[CurvePoint]
    draws: Draws


def read_simulation(path: Path) -> Simulation:
    """Read and validate a simulation; a fault raises InputError with the file's name."""
    return parse(read_json(path), Simulation, str(path))
