"""The appendix: a simulation of known truth, which shows what the error bars of a Fréchet distance are worth."""

from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stylenat.core.simulated import Simulation, read_simulation
from stylenat.report.artifacts import UNREADABLE
from stylenat.report.style import BLUE, GREEN, INK, ORANGE, RED, Drawing, draw, rendered
from stylenat.report.wording import exact, measured

NAME, TITLE = "distance-uncertainty", "How sure a distance is"
HEADERS = ["Estimator", "What it is for", "Mean", "Its own error", "SD over draws", "95 % interval holds it"]
SHOWN_DRAWS = 60
READING = (
    "The distance of N images is too large by about B / N, however good the generator is. An interval for it can be "
    "meant for the mean over draws of N images, bias and all, or for what infinitely many images would give. The "
    "influence function (Hampel, 1974) says how far each image moves the distance; the spread of these influences "
    "gives the error over draws from one draw alone, to first order, and too wide an interval where the distance is "
    "small beside its own bias. The jackknife (Quenouille, 1956) leaves out one group of images after the other and "
    "so removes the bias of first order; its interval uses Student's t. Chong and Forsyth (arXiv 1911.07023) instead "
    "draw a line through the distances of smaller sets against 1 / N; it is shown here with plain random draws. The "
    "plain bootstrap draws again from the draw, with repeats, which adds the bias a second time: its interval lies "
    "beside the point that it is for. No record rests on the regression or on the bootstrap."
)


@dataclass(frozen=True)
class Simulated:
    """The simulation of a run, or the problem with it."""

    simulation: Simulation | None = None
    problem: str = "no simulation was looked for"


def read_simulated(path: Path, shown: str) -> Simulated:
    """Read a run's simulation; `shown` is its name in messages."""
    if not path.exists():
        return Simulated(problem=f"not simulated yet: {shown} does not exist")
    try:
        return Simulated(read_simulation(path), "")
    except UNREADABLE as error:
        return Simulated(problem=f"{shown} can't be read: {' '.join(str(error).split())}")


def rows(found: Simulation) -> list[list[str]]:
    """The table under HEADERS: what each estimator is for, where it lands, and how often its interval holds."""
    many = f"{exact(found.setup.count)} fakes"
    aims = [f"mean of {many}: {measured(found.expected)}", f"infinitely many: {measured(found.truth)}"]
    listed = [
        (f"distance of {many}, influence function", aims[0], found.influence),
        ("plain bootstrap of it", aims[0], found.bootstrap),
        (f"jackknife over {found.setup.groups} groups", aims[1], found.jackknife),
        (f"regression on 1 / N over {found.setup.sizes} sizes", aims[1], found.regression),
    ]
    return [
        [
            name,
            aim,
            measured(one.mean),
            "none given" if one.standard_error is None else measured(one.standard_error),
            measured(one.deviation),
            "no interval" if one.coverage is None else f"{100 * one.coverage:.1f} % of {exact(one.draws)} draws",
        ]
        for name, aim, one in listed
    ]


def drawing(found: Simulated) -> Drawing:
    """The figure with its caption, or the reason why there is none."""
    made = found.simulation
    if made is None:
        return Drawing(NAME, TITLE, "", "", problem=found.problem)
    alt = "Bias of the distance against the number of images, and intervals of two kinds for the same draws"
    return Drawing(NAME, TITLE, caption(made), alt, lambda: rendered(painted(made), NAME))


def caption(made: Simulation) -> str:
    """What the three panels show, in the simulation's own numbers."""
    setup, shown = made.setup, len(made.draws.distance[:SHOWN_DRAWS])
    bias = made.expected - made.truth
    infinite = [
        f"{name} {measured(one.mean)} ± {measured(one.deviation)}"
        for name, one in (("jackknife", made.jackknife), ("regression", made.regression))
    ]
    held = [
        f"{holding(intervals[:SHOWN_DRAWS], made.expected)} of {shown} intervals of the {name}"
        for name, intervals in (("influence function", made.draws.influence), ("bootstrap", made.draws.bootstrap))
    ]
    return (
        f"Simulated features of width {setup.width}, seed {setup.seed}. Left: the mean distance of "
        f"{exact(setup.count)} fakes is {measured(made.expected)}, {measured(bias)} above the {measured(made.truth)} "
        f"of infinitely many; there, {' and '.join(infinite)} (mean ± SD over {exact(setup.draws)} draws). Middle and "
        f"right, the same draws: {' and '.join(held)} hold the mean {measured(made.expected)}; a cross marks a draw "
        f"whose interval misses it. Of {exact(setup.bootstrap_draws)} bootstrap intervals, "
        f"{100 * made.bootstrap_holds_own:.0f} % hold even the distance of their own draw."
    )


def holding(intervals: list[tuple[float, float]], value: float) -> int:
    """How many intervals hold a value."""
    return sum(low <= value <= high for low, high in intervals)


def painted(made: Simulation) -> Figure:
    """The figure's three panels."""

    def paint(_: Figure, axes: list[Axes]) -> None:
        _paint_bias(axes[0], made)
        axes[2].sharey(axes[1])
        _paint_intervals(axes[1], made, made.draws.influence, "influence function")
        _paint_intervals(axes[2], made, made.draws.bootstrap, "plain bootstrap")

    return draw((11.4, 3.9), (1, 3), paint)


def _paint_bias(panel: Axes, made: Simulation) -> None:
    """Distances against 1 / N; what is said of infinitely many fakes stands at 0, side by side."""
    inverse = [1 / point.count for point in made.curve]
    aside = 0.06 * max(inverse)
    panel.axhline(made.truth, color=INK, linestyle="--", linewidth=1.2, label="truth, infinitely many")
    panel.plot(inverse, [point.mean for point in made.curve], "o-", color=BLUE, label="mean distance of N")
    infinite = ((made.jackknife, "D", GREEN, "jackknife", -aside), (made.regression, "s", ORANGE, "regression", aside))
    for one, marker, colour, name, x in infinite:
        panel.errorbar(x, one.mean, one.deviation, fmt=marker, color=colour, capsize=3, label=f"{name}, ± SD")
    panel.set_xticks([0, *inverse], ["∞", *(exact(point.count) for point in made.curve)], rotation=45)
    panel.set(title="Bias", xlabel="fakes N, on an axis of 1 / N", ylabel="distance")
    panel.legend(loc="upper left", fontsize=8)


def _paint_intervals(panel: Axes, made: Simulation, intervals: list[tuple[float, float]], name: str) -> None:
    """One upright line a draw, a dot or a cross at the draw's distance, and the mean that they are for."""
    panel.axhline(made.expected, color=INK, linestyle="--", linewidth=1.2, label="mean over draws")
    for held, marker, colour, line in ((True, "o", BLUE, "solid"), (False, "X", RED, "dotted")):
        chosen = [
            (index, distance, *bounds)
            for index, (distance, bounds) in enumerate(
                zip(made.draws.distance[:SHOWN_DRAWS], intervals[:SHOWN_DRAWS], strict=True)
            )
            if (bounds[0] <= made.expected <= bounds[1]) is held
        ]
        if chosen:
            index, distance, low, high = zip(*chosen, strict=True)
            panel.vlines(index, low, high, color=colour, linestyle=line, linewidth=1.2)
            words = "holds it" if held else "misses it"
            panel.plot(index, distance, marker, color=colour, markersize=4, linestyle="none", label=words)
    count = len(intervals[:SHOWN_DRAWS])
    panel.set(title=f"{name}: {holding(intervals[:SHOWN_DRAWS], made.expected)} of {count} hold", xlabel="draw")
    panel.legend(loc="upper right", fontsize=8, ncols=3)
    panel.margins(y=0.12)
