"""The report's figures: FID against parameters, metrics between their controls, training curves."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from stylenat.core.controls import control_of
from stylenat.report import appendix
from stylenat.report.comparison import Averaged, Row, comparison
from stylenat.report.grids import sample_grids
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import name_of
from stylenat.report.style import BLUE, GREEN, ORANGE, RED, Drawing, draw, rendered
from stylenat.report.wording import shorten, slug

CONTROLS = {"real": ("floor: real images", GREEN), "noise": ("ceiling: noise", RED)}
OUTSIDE = "outside its controls"


def figures(data: ReportData) -> dict[str, list[Drawing]]:
    """All figures by section, each with its files or the reason why it is missing."""
    return {
        "comparison": [fid_against_parameters(data)],
        "metrics": metric_strips(data),
        "training": [training_curves(data, name) for name in data.histories],
        "samples": sample_grids(data),
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

    figure = draw((4.6 * len(resolutions), 3.8), (1, len(resolutions)), paint)
    measured = any(_found(row) for row in rows)
    caption = "Down and to the left is better. Hollow: as published, each under its own protocol. " + (
        "Filled: measured here." if measured else "No comparable FID was measured in this run, so no filled marker."
    )
    caption += " Demo numbers are never drawn on these axes." if data.plan.run.demo else ""
    names = dict.fromkeys(mean.name.short for row in rows for mean in _points(row))
    caption += "".join(f" Measured: {name}." for name in names)
    svg, png = rendered(figure, name)
    return Drawing(
        name, title, caption, "Scatter plot of FID against parameters; the table above has its numbers", svg, png
    )


def _printed(row: Row) -> list[tuple[float, float]]:
    """(million parameters, FID) as published, from the best source of each."""
    parameters, fid = row.cells["parameters"].published, row.cells["fid"].published
    return [(parameters[0].number.value, fid[0].number.value)] if parameters and fid else []


def _found(row: Row) -> list[tuple[float, float]]:
    """(million parameters, FID) as measured here."""
    parameters = row.cells["parameters"].measured
    return [(parameters[0].value / 1e6, mean.value) for mean in _points(row)]


def _points(row: Row) -> list[Averaged]:
    """The FIDs that are drawn: one a protocol, model and set of reals; none of a demo or outside its controls."""
    drawn = row.cells["fid"].measured if row.cells["parameters"].measured else []
    return [mean for mean in drawn if not mean.label and not mean.flag]


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


def metric_strips(data: ReportData) -> list[Drawing]:
    """For each protocol on images: every seed's number, between the controls `real` and `noise`."""
    protocols = [name for name, card in data.protocols.items() if card.on_images]
    strips = []
    for protocol in protocols:
        planned = [entry for entry in data.entries if entry.planned.protocol == protocol]
        if planned:
            strips.append(_strip(data, protocol, planned))
    return strips


def _strip(data: ReportData, protocol: str, planned: list[Entry]) -> Drawing:
    card, name = data.protocols[protocol], f"metric-{slug(protocol)}"
    panels: dict[str, list[Entry]] = {}
    for entry in planned:
        if entry.value is not None:
            panels.setdefault(entry.planned.dataset, []).append(entry)
    if not panels:
        reasons = "; ".join(dict.fromkeys(entry.reason for entry in planned))
        return Drawing(name, card.title, "", "", problem=reasons)
    label = "demo numbers" if any(entry.label for entry in planned) else "measured"
    direction = {"lower": "lower is better", "higher": "higher is better"}

    def paint(_: Figure, axes: list[Axes]) -> None:
        for panel, (dataset, entries) in zip(axes, panels.items(), strict=True):
            _paint_strip(data, panel, entries)
            better = direction.get(entries[0].record.direction, "")
            axis = ", ".join(filter(None, [f"{card.metric.upper()} ({label})", better]))
            panel.set(title=_set_title(data, dataset), xlabel=axis)

    rows = sum(len({entry.planned.model for entry in entries}) for entries in panels.values())
    figure = draw((7.6, 0.45 * rows + 1.1 * len(panels)), (len(panels), 1), paint)
    svg, png = rendered(figure, name)
    caption = "One dot a seed. A sound metric puts real images lowest and noise highest, and every model between them."
    if label != "measured":
        caption = f"Demo numbers. {caption}"
    caption += "".join(f" {name_of(data, entries).short}." for entries in panels.values())
    return Drawing(name, card.title, caption, f"Strip plot of {card.title} by model", svg, png)


def _set_title(data: ReportData, dataset: str) -> str:
    """A set of reals as a panel's title: its card's title may be shared by sets of several filters."""
    card = data.datasets.get(dataset)
    return f"{shorten(card.title)}, {card.resize_filter} ({dataset})" if card else shorten(dataset)


def _paint_strip(data: ReportData, panel: Axes, entries: list[Entry]) -> None:
    rank = {"real": 0, "": 1, "noise": 2}
    planned = {entry.planned.model: entry.planned for entry in entries}
    roles = {name: control_of(data.models.get(name), record.dataset) for name, record in planned.items()}
    models = sorted(planned, key=lambda name: (rank[roles[name]], name))
    for row, model in enumerate(models):
        values = [entry.value for entry in entries if entry.planned.model == model]
        words, colour = CONTROLS.get(roles[model], ("", BLUE))
        if words:
            panel.axvline(sum(values) / len(values), color=colour, linestyle="--", linewidth=1.2)
        panel.plot(values, [row] * len(values), "o" if not words else "D", color=colour, markersize=6)
    names = [CONTROLS[roles[name]][0] if roles[name] else shorten(name, 40) for name in models]
    outside = [f"\n{OUTSIDE}" if data.flag(planned[name]) else "" for name in models]
    names = [name + words for name, words in zip(names, outside, strict=True)]
    panel.set_yticks(range(len(models)), names)
    panel.set_ylim(len(models) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)


def training_curves(data: ReportData, name: str) -> Drawing:
    """Losses and gradient penalty of one training against the number of images shown."""
    history, stem = data.histories[name], f"training-{slug(name)}"
    title = f"Training of {name}"
    series = {key: _series(history.rows, key) for key in ("loss_d", "loss_g", "r1")}
    if not any(xs for xs, _ in series.values()):
        return Drawing(stem, title, "", "", problem=history.problem or "the training log holds no losses")
    words = {"loss_d": ("discriminator", BLUE), "loss_g": ("generator", ORANGE), "r1": ("R1 penalty", GREEN)}

    def paint(_: Figure, axes: list[Axes]) -> None:
        for panel, keys, label in ((axes[0], ("loss_d", "loss_g"), "loss"), (axes[1], ("r1",), "R1 penalty")):
            for key in keys:
                panel.plot(*series[key], color=words[key][1], linewidth=1.6, label=words[key][0])
            panel.set(xlabel="images shown", ylabel=label)
            panel.xaxis.set_major_formatter(EngFormatter(sep=""))
            panel.xaxis.set_major_locator(MaxNLocator(5))
            if len(keys) > 1:
                panel.legend(loc="best", fontsize=9)

    svg, png = rendered(draw((7.6, 2.8), (1, 2), paint), stem)
    demo = "Demo training. " if data.plan.run.demo else ""
    how = "As logged during training; images are counted as shown to the discriminator."
    caption = f"{demo}{how} {history.problem}".strip()
    return Drawing(stem, title, caption, f"Curves of losses and R1 penalty of {name}", svg, png)


def _series(rows: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """The points of one quantity: finite numbers against `nimg`."""
    points = [(row.get("nimg"), row.get(key)) for row in rows]
    finite = [
        (float(x), float(y))
        for x, y in points
        if all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (x, y))
    ]
    return [x for x, _ in finite], [y for _, y in finite]
