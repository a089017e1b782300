"""Metrics between their controls: for each protocol on images a strip plot of every seed's number."""

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from stylenat.core.controls import control_of
from stylenat.core.plan import PlannedRecord
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import name_of
from stylenat.report.style import BLUE, GREEN, RED, Drawing, label_rows, plotted
from stylenat.report.wording import shorten, slug

CONTROLS = {"real": ("floor: real images", GREEN), "noise": ("ceiling: noise", RED)}
RANK = {"real": 0, "": 1, "noise": 2}  # of a model's role, from the top of its set's rows
WIDE = 30  # from the least to the greatest value, beyond which an axis counts by factors
OUTSIDE = "outside its controls"
DIRECTION = {"lower": "lower is better", "higher": "higher is better"}


def metric_strips(data: ReportData) -> list[Drawing]:
    """For each protocol on images: every seed's number, between the controls `real` and `noise`."""
    planned: dict[str, list[Entry]] = {name: [] for name, card in data.protocols.items() if card.on_images}
    for entry in data.entries:
        if entry.planned.protocol in planned:
            planned[entry.planned.protocol].append(entry)
    return [_strip(data, protocol, entries) for protocol, entries in planned.items() if entries]


def _strip(data: ReportData, protocol: str, planned: list[Entry]) -> Drawing:
    card, name = data.protocols[protocol], f"metric-{slug(protocol)}"
    sets: dict[str, list[Entry]] = {}
    for entry in planned:
        if entry.value is not None:
            sets.setdefault(entry.planned.dataset, []).append(entry)
    if not sets:
        reasons = "; ".join(dict.fromkeys(entry.reason for entry in planned))
        return Drawing(name, card.title, "", "", problem=reasons)
    label = "demo numbers" if any(entry.label for entry in planned) else "measured"
    better = DIRECTION.get(next(iter(sets.values()))[0].record.direction, "")
    axis = ", ".join(filter(None, [f"{card.metric.upper()} ({label})", better]))
    rows = sum(1 + len({entry.planned.model for entry in entries}) for entries in sets.values())
    made = plotted(name, (7.6, 0.28 * rows + 0.7), (1, 1), lambda _, axes: _paint(data, axes[0], sets, axis))
    caption = "One dot a seed. A sound metric finds real images best and noise worst, and every model between them."
    if label != "measured":
        caption = f"Demo numbers. {caption}"
    caption += "".join(f" {name_of(data, entries).short}." for entries in sets.values())
    return Drawing(name, card.title, caption, f"Strip plot of {card.title} by model", made)


def _paint(data: ReportData, panel: Axes, sets: dict[str, list[Entry]], axis: str) -> None:
    """All sets of reals in one panel, each under its title, so that one scale serves them all."""
    labels: dict[int, str] = {}
    top = 0
    for dataset, entries in sets.items():
        panel.annotate(_set_title(data, dataset), (0, top), xycoords=panel.get_yaxis_transform(), va="center")
        labels |= _paint_set(data, panel, entries, top + 1)
        top = max(labels) + 1
    panel.set(xlabel=axis)
    label_rows(panel, labels, above=0.1, below=0.6)
    values = [entry.value for entries in sets.values() for entry in entries]
    if min(values) > 0 and max(values) > WIDE * min(values):  # else a far ceiling leaves all models on one spot
        panel.set(xscale="log", xlabel=f"{axis}, log scale")
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_formatter(NullFormatter())


def _set_title(data: ReportData, dataset: str) -> str:
    """A set of reals in words: its card's title may be shared by sets of several filters."""
    card = data.datasets.get(dataset)
    return f"{shorten(card.title)}, {card.resize_filter} ({dataset})" if card else shorten(dataset)


def _paint_set(data: ReportData, panel: Axes, entries: list[Entry], top: int) -> dict[int, str]:
    """One set's rows from `top` down; returns the label of each."""
    values: dict[str, list[float]] = {}
    planned = {entry.planned.model: entry.planned for entry in entries}
    for entry in entries:
        values.setdefault(entry.planned.model, []).append(entry.value)
    roles = {name: control_of(data.models.get(name), record.dataset) for name, record in planned.items()}
    models = sorted(planned, key=lambda name: (RANK[roles[name]], name))
    rows = {name: top + place for place, name in enumerate(models)}
    for role, colour in (("", BLUE), *((role, colour) for role, (_, colour) in CONTROLS.items())):
        own = [name for name in models if roles[name] == role]
        dots = [(value, rows[name]) for name in own for value in values[name]]
        panel.plot([x for x, _ in dots], [y for _, y in dots], "D" if role else "o", color=colour, markersize=6)
        for name in own if role else ():
            mean = sum(values[name]) / len(values[name])
            panel.vlines(mean, top - 0.4, top + len(models) - 0.6, color=colour, linestyle="--", linewidth=1.2)
    return {rows[name]: _label(data, planned[name], roles[name]) for name in models}


def _label(data: ReportData, planned: PlannedRecord, role: str) -> str:
    words = CONTROLS[role][0] if role else shorten(planned.model, 40)
    return f"{words}\n{OUTSIDE}" if data.flag(planned) else words
