"""Metrics between their controls: for each protocol on images a strip plot of every seed's number."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stylenat.core.controls import control_of
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import name_of
from stylenat.report.style import BLUE, GREEN, RED, Drawing, draw, rendered
from stylenat.report.wording import shorten, slug

CONTROLS = {"real": ("floor: real images", GREEN), "noise": ("ceiling: noise", RED)}
OUTSIDE = "outside its controls"


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
