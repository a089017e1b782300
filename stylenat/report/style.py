"""How figures look: colours that colour-blind readers tell apart, and one way to write each figure twice.

A figure has a transparent SVG, whose ink follows the page's in light and in dark, and a PNG on white.
"""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT = "#1d2733", "#c4ccd6"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"  # Okabe and Ito's palette
# Marker and colour of one series after another: told apart by the marker alone, too.
SERIES = [(marker, colour) for marker, colour in zip("DsPvX^*" * 4, [ORANGE, GREEN, RED, BLUE] * 7, strict=True)]
SETTINGS = {
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


@dataclass(frozen=True)
class Drawing:
    """A figure as files: `svg` is None for a picture; without both, `problem` says why there is no figure."""

    name: str  # the files' stem
    title: str
    caption: str
    alt: str
    svg: str | None = None
    png: bytes | None = None
    problem: str = ""

    @property
    def inline_svg(self) -> str:
        """The SVG as an element of a page: its ink is the page's, its ids don't clash with another figure's."""
        text = (self.svg or "")[(self.svg or "").find("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
        text = re.sub(r"<style[^>]*>.*?</style>\s*", "", text, flags=re.S)  # the page has it, for its whole policy
        text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
        text = re.sub(r"<svg [^>]*>", lambda tag: re.sub(r' (width|height)="[^"]*"', "", tag[0]), text, count=1)
        text = re.sub(r'( id="| href="#|url\(#)', rf"\g<1>{self.name}-", text)
        return text.replace(INK, "currentColor").replace(FAINT, "var(--rule)")


def draw(size: tuple[float, float], panels: tuple[int, int], paint: Callable[[Figure, list[Axes]], None]) -> Figure:
    """A figure of `size` inches with a grid of panels, painted under the report's settings."""
    with rc_context(SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
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
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    return svg.getvalue(), png.getvalue()
