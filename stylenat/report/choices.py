"""What one choice is worth: FID of the same images by the filter of the reals alone, and by the protocol alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stylenat.report.alike import DEMO, current, mean_of, reasons, standing_of
from stylenat.report.comparison import Averaged
from stylenat.report.leading import planned_for
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import resize_filter
from stylenat.report.strips import OUTSIDE
from stylenat.report.style import SERIES, Drawing, label_rows, plotted
from stylenat.report.wording import measured, shorten, slug

ROW_INCHES, LEGEND_INCHES = 0.5, 0.6  # of a row; of the axis and the legend below, but for its lines
READING = (
    "One row a model, one mark a {choice}; between the marks of a row only that is chosen otherwise. All of it was "
    "measured here, and no published FID stands among it. Bars are 95 % intervals, where there are several seeds or a "
    "standard error."
)


@dataclass(frozen=True)
class Choice:
    """A figure to be drawn: what varies, the planned measurements, and how their marks are named."""

    stem: str
    title: str
    varies: str  # in a sentence: one mark a ...
    entries: list[Entry]
    key: Callable[[Entry], str]  # the mark that a measurement belongs to
    note: str = ""


def choices(data: ReportData) -> list[Drawing]:
    """A figure for each protocol whose models meet several filters, and for each set that several protocols use."""
    return [*_drawings(data, _filters(data), "filters"), *_drawings(data, _protocols(data), "protocols")]


def _drawings(data: ReportData, found: list[Choice], kind: str) -> list[Drawing]:
    planned = [(choice, _several(choice)) for choice in found]
    drawn = [_drawing(data, choice, models) for choice, models in planned if models]
    words = {
        "filters": "against reals of several filters",
        "protocols": "under several protocols of one detector network",
    }
    nothing = Drawing(f"fid-{kind}", f"FID by {kind}", "", "", problem=f"this run measures no model {words[kind]}")
    return drawn or [nothing]


def _several(choice: Choice) -> list[str]:
    """The models that are to be measured in several ways."""
    ways: dict[str, set[str]] = {}
    for entry in choice.entries:
        ways.setdefault(entry.planned.model, set()).add(choice.key(entry))
    return sorted(model for model, found in ways.items() if len(found) > 1)


def _filters(data: ReportData) -> list[Choice]:
    """One a protocol: the sets of reals vary, which are one collection of images by several filters."""
    return [
        Choice(
            f"fid-filters-{slug(protocol)}",
            f"FID by the filter of the reals, {data.protocols[protocol].title}",
            "filter of the reals",
            entries,
            lambda entry: f"{resize_filter(data, entry)} ({entry.planned.dataset})",
        )
        for protocol, entries in planned_for(data, "fid").items()
    ]


def _protocols(data: ReportData) -> list[Choice]:
    """One a set of reals and network of the detector: the distances of two networks have no scale in common."""
    found: dict[tuple[str, str], list[Entry]] = {}
    networks: dict[str, set[str]] = {}
    for protocol, entries in planned_for(data, "fid").items():
        card = data.detectors.get(data.protocols[protocol].detector or "")
        network = f"{card.extractor.rpartition('-')[0]}, layer {card.layer}" if card else protocol
        for entry in entries:
            found.setdefault((entry.planned.dataset, network), []).append(entry)
            networks.setdefault(entry.planned.dataset, set()).add(network)
    return [
        Choice(
            f"fid-protocols-{slug(dataset)}-{slug(network)}",
            f"FID by protocol, against {dataset}",
            "protocol",
            entries,
            lambda entry: entry.planned.protocol,
            f" All by {network}." + (" Other networks have another scale." if len(networks[dataset]) > 1 else ""),
        )
        for (dataset, network), entries in found.items()
    ]


def _drawing(data: ReportData, choice: Choice, models: list[str]) -> Drawing:
    means = {model: _means(data, choice, model) for model in models}
    rows = {model: found for model, found in means.items() if len(found) > 1}
    left_out = {model: reasons(_without(data, choice, model)) for model in models if model not in rows}
    if not rows:
        why = "; ".join(dict.fromkeys(left_out.values()))
        return Drawing(choice.stem, choice.title, "", "", problem=f"fewer than two numbers of any model: {why}")
    label = next((standing_of(m.entries[0]).words for f in rows.values() for m in f.values()), "")
    ways = sorted({way for found in rows.values() for way in found})

    def paint(_: Figure, axes: list[Axes]) -> None:
        _paint(axes[0], rows, ways)
        axes[0].set(
            title=label.upper() if label == DEMO else "", xlabel=f"FID ({label or 'measured here'}), lower is better"
        )

    size = (7.6, ROW_INCHES * len(rows) + 0.2 * len(ways) + LEGEND_INCHES + 0.3)
    caption = f"{'Demo numbers. ' if label == DEMO else ''}{READING.format(choice=choice.varies)}{choice.note}"
    caption += f" {_worth(rows)}" + "".join(f" Not drawn: {model} ({why})." for model, why in left_out.items())
    alt = f"Dot plot of {choice.title}, a row each model"
    return Drawing(choice.stem, choice.title, caption, alt, plotted(choice.stem, size, (1, 1), paint))


def _means(data: ReportData, choice: Choice, model: str) -> dict[str, Averaged]:
    """A model's mean by mark."""
    found: dict[str, list[Entry]] = {}
    for entry in current(data, choice.entries):
        if entry.planned.model == model:
            found.setdefault(choice.key(entry), []).append(entry)
    return {way: mean_of(data, entries) for way, entries in found.items()}


def _without(data: ReportData, choice: Choice, model: str) -> list[Entry]:
    made = current(data, choice.entries)
    return [entry for entry in choice.entries if entry.planned.model == model and entry not in made]


def _width(found: dict[str, Averaged]) -> float:
    values = [mean.value for mean in found.values()]
    return max(values) - min(values)


def _worth(rows: dict[str, dict[str, Averaged]]) -> str:
    """What the choice is worth, in numbers."""
    worth = [f"{model} {measured(_width(found))} between {len(found)} marks" for model, found in rows.items()]
    return f"From the lowest mean to the highest: {', '.join(worth)}."


def _paint(panel: Axes, rows: dict[str, dict[str, Averaged]], ways: list[str]) -> None:
    for way, (marker, colour) in zip(ways, cycle(SERIES), strict=False):
        shift = (ways.index(way) - (len(ways) - 1) / 2) * min(0.2, 0.8 / len(ways))
        places = [(row + shift, found[way]) for row, found in enumerate(rows.values()) if way in found]
        bars = [mean.interval or (math.nan, math.nan) for _, mean in places]
        xs = [mean.value for _, mean in places]
        bar = [
            [x - low for x, (low, _) in zip(xs, bars, strict=True)],
            [high - x for x, (_, high) in zip(xs, bars, strict=True)],
        ]
        looks = {"fmt": marker, "color": colour, "markersize": 7, "capsize": 3, "elinewidth": 1.2}
        panel.errorbar(xs, [y for y, _ in places], xerr=bar, label=shorten(way, 60), **looks)
    flagged = ["\n" + OUTSIDE if any(mean.flag for mean in found.values()) else "" for found in rows.values()]
    labels = dict(enumerate(shorten(model, 40) + words for model, words in zip(rows, flagged, strict=True)))
    label_rows(panel, labels, above=0.3, below=LEGEND_INCHES + 0.2 * len(ways))
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.45 / (ROW_INCHES * len(rows))), fontsize=8.5)
