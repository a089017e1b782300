"""The figure of FID against sampling throughput, with the Pareto front of the models that were measured alike."""

from collections.abc import Iterable
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from stylenat.report.alike import Standing
from stylenat.report.comparison import Averaged, Row, comparison
from stylenat.report.leading import leading
from stylenat.report.load import ReportData
from stylenat.report.ranking import WORDS, Group, front, groups_of, missing
from stylenat.report.style import BLUE, INK, SERIES, Drawing, plotted
from stylenat.report.wording import shorten

NAME, TITLE = "fid-throughput", "FID against throughput"
HOLLOW = {"markerfacecolor": "none", "markeredgecolor": BLUE, "markeredgewidth": 1.8, "markersize": 9}


def fid_against_throughput(data: ReportData) -> Drawing:
    """One panel a resolution; numbers that may not stand beside published ones have panels of their own."""
    rows, groups = [row for row in comparison(data) if _printed(row)], groups_of(data)
    panels = {(row.resolution, Standing("")) for row in rows} | {(group.resolution, group.standing) for group in groups}
    left_out = missing(data, groups)
    if not panels:
        return Drawing(NAME, TITLE, "", "", problem=left_out or "no method has both an FID and a throughput")

    def paint(_: Figure, axes: list[Axes]) -> None:
        for panel, (resolution, standing) in zip(axes, sorted(panels, key=lambda p: (p[1].words, p[0])), strict=True):
            beside = [row for row in rows if row.resolution == resolution and not standing.words]
            _paint_printed(panel, beside)
            _paint_groups(panel, [g for g in groups if (g.resolution, g.standing) == (resolution, standing)])
            label = f"FID ({standing.words})" if standing.words else "FID"
            panel.set(title=f"{standing.title}{resolution} px", xlabel="images a second", ylabel=label)
            _finish(panel)

    caption = caption_of(data, groups) + (f" Not drawn: {left_out}." if left_out else "")
    alt = "Scatter plot of FID against throughput; the page's tables have its numbers"
    return Drawing(NAME, TITLE, caption, alt, plotted(NAME, (5.4 * len(panels), 4.4), (1, len(panels)), paint))


def caption_of(data: ReportData, groups: list[Group]) -> str:
    """What is published, what was measured and by which protocols, and what the front means."""
    text = (
        "Down and to the right is better. Hollow: as published, each FID under its own protocol and each speed on its "
        "source's hardware, so no front is drawn through them."
    )
    if not groups:
        return f"{text} No model of this run has both numbers to stand here, so no filled marker and no front."
    protocols = [leading(data, metric) for metric in WORDS]
    text += (
        f" Filled: measured here, FID under {protocols[0]} against each model's own set, speed under {protocols[1]}; "
        "bars are 95 % intervals, where there are several seeds or a standard error."
    )
    if any(len(group.points) > 1 for group in groups):
        text += (
            " The line is the Pareto front of the means, through the ringed markers: only of models that share "
            "protocols, reals, detector and the device that timed them."
        )
    alone = [group.points[0].model for group in groups if len(group.points) == 1]
    text += f" One model has no front: {', '.join(alone)}." if alone else ""
    apart = any(group.standing.words for group in groups)
    return text + (" Demo numbers stand on axes of their own, and say nothing of the paper." if apart else "")


def _printed(row: Row) -> list[tuple[float, float]]:
    """(images a second, FID) as published, from the best source of each."""
    speed, fid = row.cells["throughput"].published, row.cells["fid"].published
    return [(speed[0].number.value, fid[0].number.value)] if speed and fid and speed[0].number.value > 0 else []


def _paint_printed(panel: Axes, rows: Iterable[Row]) -> None:
    for number, row in enumerate(rows):
        panel.plot(*_printed(row)[0], "o", **HOLLOW, label="published" if number == 0 else None)
        _name(panel, _printed(row)[0], shorten(row.method, 24), (8, 6), "left")


def _paint_groups(panel: Axes, groups: Iterable[Group]) -> None:
    for group, (marker, colour) in zip(groups, cycle(SERIES), strict=False):
        first = front(group.points) if len(group.points) > 1 else []
        where = f"measured, {shorten(group.dataset, 28)}, {shorten(group.device, 28)}"
        for number, point in enumerate(group.points):
            ring = {"markeredgecolor": INK, "markeredgewidth": 1.6} if point in first else {}
            place = (point.speed.value, point.fid.value)
            bars = {"xerr": _bar(point.speed), "yerr": _bar(point.fid)}
            label = where if number == 0 else None
            panel.errorbar(
                *place, **bars, fmt=marker, color=colour, markersize=7, capsize=3, elinewidth=1.2, label=label, **ring
            )
            _name(panel, place, shorten(point.model, 28), (-8, 6), "right")
        if first:
            xs, ys = zip(*((point.speed.value, point.fid.value) for point in first), strict=True)
            panel.step(xs, ys, where="pre", color=INK, linewidth=1.2, label="Pareto front of these")


def _bar(mean: Averaged) -> list[list[float]] | None:
    """An error bar's two lengths; a bar that no axis can show to its end stops just above zero."""
    if mean.interval is None:
        return None
    low, high = mean.interval
    return [[mean.value - max(low, mean.value / 100)], [high - mean.value]]


def _name(panel: Axes, place: tuple[float, float], words: str, offset: tuple[int, int], side: str) -> None:
    panel.annotate(words, place, textcoords="offset points", xytext=offset, ha=side, fontsize=8.5)


def _finish(panel: Axes) -> None:
    """Ratios of speeds are what is claimed, so equal ratios get equal lengths."""
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_locator(NullLocator())
    panel.margins(x=0.3, y=0.2)
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.16), fontsize=8)
