"""The report's figures by section; of them, here, FID against parameters and the training curves."""

import math
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from stylenat.report import appendix
from stylenat.report.attention import attention_maps
from stylenat.report.choices import choices
from stylenat.report.comparison import Averaged, Row, comparison
from stylenat.report.grids import sample_grids
from stylenat.report.latents import same_latents
from stylenat.report.load import ReportData
from stylenat.report.parallel import begun
from stylenat.report.pareto import fid_against_throughput
from stylenat.report.strips import metric_strips
from stylenat.report.style import BLUE, GREEN, ORANGE, RED, Drawing, plotted
from stylenat.report.wording import shorten, slug


def figures(data: ReportData) -> dict[str, list[Drawing]]:
    """All figures by section, each with the reason why it is missing or being painted while other work goes on."""
    found = _figures(data)
    paints = iter(begun([drawing.paint for section in found.values() for drawing in section]))
    return {name: [replace(drawing, paint=next(paints)) for drawing in section] for name, section in found.items()}


def _figures(data: ReportData) -> dict[str, list[Drawing]]:
    return {
        "comparison": [fid_against_parameters(data), fid_against_throughput(data)],
        "choices": choices(data),
        "metrics": metric_strips(data),
        "training": [training_curves(data, name) for name in data.histories],
        "latents": same_latents(data),
        "samples": sample_grids(data),
        "attention": attention_maps(data),
        "appendix": [appendix.drawing(data.simulated)],
    }


def fid_against_parameters(data: ReportData) -> Drawing:
    """Published and measured FID against parameters, one panel a resolution; demo numbers are left out."""
    name, title = "fid-parameters", "FID against parameters"
    rows = [row for row in comparison(data) if _printed(row) or _found(row)]
    resolutions = sorted({row.resolution for row in rows})
    if not rows:
        return Drawing(name, title, "", "", problem="no method has both an FID and a parameter count")

    def paint(_: Figure, axes: list[Axes]) -> None:
        for panel, resolution in zip(axes, resolutions, strict=True):
            _paint_points(panel, [row for row in rows if row.resolution == resolution])
            panel.set(title=f"FFHQ, {resolution} px", xlabel="generator parameters (millions)", ylabel="FID")
            panel.margins(x=0.22, y=0.18)
            panel.set_xlim(left=max(0, panel.get_xlim()[0]))

    made = plotted(name, (4.6 * len(resolutions), 3.8), (1, len(resolutions)), paint)
    measured = any(_found(row) for row in rows)
    caption = "Down and to the left is better. Hollow: as published, each under its own protocol. " + (
        "Filled: measured here." if measured else "No comparable FID was measured in this run, so no filled marker."
    )
    caption += " Demo numbers are never drawn on these axes." if data.plan.run.demo else ""
    names = dict.fromkeys(mean.name.short for row in rows for mean in _points(row))
    caption += "".join(f" Measured: {name}." for name in names)
    return Drawing(
        name, title, caption, "Scatter plot of FID against parameters; the table above has its numbers", made
    )


def _printed(row: Row) -> list[tuple[float, float]]:
    """(million parameters, FID) as published, from the best source of each."""
    parameters, fid = row.cells["parameters"].published, row.cells["fid"].published
    return [(parameters[0].number.value, fid[0].number.value)] if parameters and fid else []


def _found(row: Row) -> list[tuple[float, float]]:
    """(million parameters, FID) as measured here, both of one model."""
    sizes = _sizes(row)
    return [(sizes[mean.model] / 1e6, mean.value) for mean in _points(row)]


def _points(row: Row) -> list[Averaged]:
    """The FIDs that are drawn: one a counted model, by the leading protocol; no demo's, none outside its controls."""
    sizes = _sizes(row)
    return [mean for mean in row.cells["fid"].first if mean.model in sizes and not mean.label and not mean.flag]


def _sizes(row: Row) -> dict[str, float]:
    return {mean.model: mean.value for mean in row.cells["parameters"].first}


def _paint_points(panel: Axes, rows: list[Row]) -> None:
    hollow = {"markerfacecolor": "none", "markeredgecolor": BLUE, "markeredgewidth": 1.8, "markersize": 9}
    for row in rows:
        for x, y in _printed(row):
            panel.plot(x, y, "o", **hollow)
        for x, y in _found(row):
            panel.plot(x, y, "D", color=ORANGE, markersize=6)
        name = shorten(row.method, 24)
        for places, text, offset in ((_printed(row), name, (8, 6)), (_found(row), f"{name}, here", (8, -13))):
            if places:
                panel.annotate(text, places[0], textcoords="offset points", xytext=offset, fontsize=9)
    panel.plot([], [], "o", label="published", **hollow)
    if any(_found(row) for row in rows):
        panel.plot([], [], "D", color=ORANGE, markersize=6, label="measured here")
    panel.legend(loc="best", fontsize=9)


def training_curves(data: ReportData, name: str) -> Drawing:
    """Losses and gradient penalty of one training against the number of images shown."""
    history, stem = data.histories[name], f"training-{slug(name)}"
    title = f"Training of {name}"
    series = {key: _series(history.rows, key) for key in ("loss_d", "loss_g", "r1")}
    if not any(xs for xs, _ in series.values()):
        return Drawing(stem, title, "", "", problem=history.problem or "the training log holds no losses")
    words = {"loss_d": ("discriminator", BLUE), "loss_g": ("generator", ORANGE), "r1": ("R1 penalty", GREEN)}
    panels = [(("loss_d", "loss_g"), "loss"), (("r1",), "R1 penalty")]
    watched, about = _watched(history.rows)
    if watched[0]:
        series["fid"], words["fid"] = watched, ("quick FID", RED)
        panels.append((("fid",), "FID, to watch by only"))

    def paint(_: Figure, axes: list[Axes]) -> None:
        for panel, (keys, label) in zip(axes, panels, strict=True):
            for key in keys:
                marker = "o" if key == "fid" else ""
                panel.plot(*series[key], marker=marker, color=words[key][1], linewidth=1.6, label=words[key][0])
            panel.set(xlabel="images shown", ylabel=label)
            panel.xaxis.set_major_formatter(EngFormatter(sep=""))
            panel.xaxis.set_major_locator(MaxNLocator(5))
            if len(keys) > 1:
                panel.legend(loc="best", fontsize=9)

    demo = "Demo training. " if data.plan.run.demo else ""
    how = "As logged during training; images are counted as shown to the discriminator."
    caption = f"{demo}{how}{about} {history.problem}".strip()
    made = plotted(stem, (3.8 * len(panels), 2.8), (1, len(panels)), paint)
    return Drawing(stem, title, caption, f"Curves of {', '.join(label for _, label in panels)} of {name}", made)


def _watched(rows: list[dict[str, Any]]) -> tuple[tuple[list[float], list[float]], str]:
    """The points of a training's quick FID, and what it is: of few samples, by which detector."""
    own = [row for row in rows if "fid" in row]
    kinds = dict.fromkeys(f"{row.get('samples')} samples, detector {row.get('detector')}" for row in own)
    about = f" FID of {' and of '.join(kinds)}: far above that of many, and never to be compared." if kinds else ""
    return _series(own, "fid"), about


def _series(rows: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """The points of one quantity: finite numbers against `nimg`."""
    points = [(row.get("nimg"), row.get(key)) for row in rows]
    finite = [
        (float(x), float(y))
        for x, y in points
        if all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (x, y))
    ]
    return [x for x, _ in finite], [y for _, y in finite]
