"""How figures look: colours that colour-blind readers tell apart, and one way to write each figure twice.

A figure has a transparent SVG, whose ink follows the page's in light and in dark, and a PNG on white.
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT = "#1d2733", "#c4ccd6"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"  # Okabe and Ito's palette
# Marker and colour of one series after another: told apart by the marker alone, too.
SERIES = [(marker, colour) for marker, colour in zip("DsPvX^*" * 4, [ORANGE, GREEN, RED, BLUE] * 7, strict=True)]
PNG_DPI = 120
SETTINGS = {
    "text.hinting": "none",  # letters are drawn sooner
    "text.parse_math": False,  # a dollar sign in a card is a dollar sign
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "grid.alpha": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


Files = tuple[str | None, bytes | None]  # SVG and PNG
Paint = Callable[[Figure, list[Axes]], None]


@dataclass(frozen=True)
class Drawing:
    """A figure, or the `problem` that there is none for."""

    name: str  # the files' stem
    title: str
    caption: str
    alt: str
    paint: Callable[[], Files] = field(default=lambda: (None, None), compare=False, repr=False)
    problem: str = ""

    @cached_property
    def files(self) -> Files:
        """SVG and PNG, made when they are first asked for: nearly all the time that a report takes."""
        return self.paint()

    @property
    def svg(self) -> str | None:
        """The figure as SVG; None for a picture, or where there is no figure."""
        return self.files[0]

    @property
    def png(self) -> bytes | None:
        """The figure as PNG; None where there is no figure."""
        return self.files[1]

    @property
    def pixels(self) -> bool:
        """Whether it is a picture, or has pictures in it: these take most of a page."""
        return self.png is not None and (self.svg is None or "<image" in self.svg)

    @property
    def inline_svg(self) -> str:
        """The SVG as an element of a page: small, its ink the page's, its ids apart from those of another figure."""
        text = (self.svg or "")[(self.svg or "").find("<svg") :]
        text = re.sub(r"<(metadata|style)\b[^>]*>.*?</\1>", "", text, flags=re.S)  # the page has the style
        text = re.sub(r"<svg [^>]*>", lambda tag: re.sub(r' (width|height|version)="[^"]*"', "", tag[0]), text, count=1)
        text = re.sub(r">\s+<", "><", text)
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
        return re.sub(r"<[^>]+>", lambda tag: self._inline(tag[0], used), text)

    def _inline(self, tag: str, used: set[str]) -> str:
        """One tag of the page's element: without ids that nothing names, places in hundredths of a point."""
        tag = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", tag).replace("xlink:href", "href")
        tag = re.sub(r' id="([^"]*)"', lambda name: name[0] if name[1] in used else "", tag)
        tag = re.sub(r'( id="| href="#|url\(#)', rf"\g<1>{self.name}-", tag)
        tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag)
        tag = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _in_hundredths(found[0]), tag)
        tag = re.sub(r"font-family: [^;\"]*; ", "", tag)  # the page has that, too
        return tag.replace(INK, "currentColor").replace(FAINT, "var(--rule)")


def _in_hundredths(attribute: str) -> str:
    return " " + re.sub(r"(\.\d\d)\d+", r"\1", " ".join(attribute.split())).replace(' "', '"')


def plotted(name: str, size: tuple[float, float], panels: tuple[int, int], paint: Paint) -> Callable[[], Files]:
    """What paints a figure once it is asked for; the arguments are those of `draw` and `rendered`."""
    return lambda: rendered(draw(size, panels, paint), name)


def draw(size: tuple[float, float], panels: tuple[int, int], paint: Paint) -> Figure:
    """A figure of `size` inches with a grid of panels, painted under the report's settings."""
    with rc_context(SETTINGS):
        figure = Figure(figsize=size, dpi=PNG_DPI, layout="constrained")
        FigureCanvasAgg(figure)  # what it measured for the layout serves the PNG
        axes = figure.subplots(*panels, squeeze=False)
        figure.get_layout_engine().set(hspace=0.12, wspace=0.05)
        paint(figure, list(axes.flat))
    return figure


def rendered(figure: Figure, name: str) -> tuple[str, bytes]:
    """SVG and PNG of a figure; the same figure gives the same bytes."""
    svg, png = io.StringIO(), io.BytesIO()
    with rc_context({**SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a reader's own fonts may have it
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        if figure.get_layout_engine() is not None:
            figure.get_layout_engine().execute(figure)
            figure.set_layout_engine(None)  # each file would lay it out again, which is most of the time
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        figure.savefig(
            png,
            format="png",
            dpi="figure",
            facecolor="white",
            metadata={"Software": None},
            pil_kwargs={"compress_level": 1},
        )
    return svg.getvalue(), png.getvalue()


def label_rows(panel: Axes, labels: Mapping[float, str], above: float, below: float) -> None:
    """Name the rows of a figure's only panel, the first on top, with so many inches above and below it.

    Room for the names is taken by their letters: to measure all of them takes longer than to draw the rest.
    """
    figure = panel.figure
    width, height = figure.get_size_inches()
    longest = max((line for label in labels.values() for line in label.split("\n")), key=_inches, default="")
    figure.set_layout_engine(None)
    left = min(0.6, (_inches(longest) + 0.2) / width)
    figure.subplots_adjust(left=left, right=1 - 0.15 / width, bottom=below / height, top=1 - above / height)
    panel.set_yticks(list(labels), list(labels.values()))
    panel.set_ylim(max(labels) + 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", left=False)


def _inches(text: str) -> float:
    """About the width of a line of ten points; a reader's own font may be wider than ours."""
    return sum(0.14 if sign.isupper() or sign in "mw@%&" or ord(sign) > 0x2FF else 0.088 for sign in text)
