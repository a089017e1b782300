"""Where the heads of each StyleNAT look: one figure a model, a row a size of map, heads grouped by dilation.

Shape suffixes: map_HW one head's map, cell_PP it as a square of the picture, picture_HWC colours with opacity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stylenat.report.head_maps import HeadMaps, Module
from stylenat.report.load import ReportData
from stylenat.report.style import BLUE, FAINT, INK, Drawing, plotted
from stylenat.report.wording import shorten, slug

CELL_PX = 64  # side of a map in the picture; those of networks divide it, or it them
STEP_PX = CELL_PX + 4  # from a head to the next, and from the upper row to the lower
LEAST_GROUP_PX, BETWEEN_PX = 84, 12  # room for a group's name above it, and between groups
PX_AN_INCH = 96
LEAST_WIDTH_PX = 620  # a page shows a narrower figure enlarged
NAME_PAD_INCHES = 0.15  # a reader's own font may be wider
RAMP = (INK, BLUE, "#ffffff")  # from nothing to a map's greatest value: lighter all the way, so that grey tells it too


def attention_maps(data: ReportData) -> list[Drawing]:
    """One figure a StyleNAT whose images are measured."""
    return [_maps_of(data, name) for name in data.maps]


def _maps_of(data: ReportData, name: str) -> Drawing:
    stem, found = f"maps-{slug(name)}", data.maps[name]
    title = f"Where the heads of {name} look"
    if found.problem:
        return Drawing(stem, title, "", "", problem=found.problem)
    rows = [_Row.of(module) for module in found.modules]
    width = max(LEAST_WIDTH_PX, *(row.width for row in rows))

    def paint(figure: Figure, axes: list[Axes]) -> None:
        figure.get_layout_engine().set(w_pad=NAME_PAD_INCHES)
        _paint_image(axes[0], found, width)
        for panel, row in zip(axes[1:], rows, strict=True):
            _paint_row(panel, row, width)

    height = (len(rows) + 1) * (2 * STEP_PX + 30)
    size = (width / PX_AN_INCH + 1.2, height / PX_AN_INCH)
    sizes = ", ".join(f"{module.side} px" for module in found.modules)
    alt = f"Maps of attention of {name} at {sizes}, one column a head, grouped by dilation"
    return Drawing(stem, title, _caption(data, name, found), alt, plotted(stem, size, (len(rows) + 1, 1), paint))


def _caption(data: ReportData, name: str, found: HeadMaps) -> str:
    """What the maps are of; whether they are of the weights that were measured."""
    demo = "Demo network: the maps show that this figure can be made, not what the paper's network does. "
    records = [e.record for e in data.entries if e.planned.model == name and e.value is not None]
    measured = {record.fakes.weights_sha256 for record in records if record.fakes is not None}
    other = " The measured images are of other weights." if measured - {found.weights_sha256} else ""
    modules = ", ".join(f"{shorten(module.name, 40)} ({module.side} px)" for module in found.modules)
    return (
        f"{demo if data.plan.run.demo else ''}Measured here, nothing published: while image {found.index} of seed "
        f"{found.seed} was made. For each size of map the last attention: {modules}. Upper row: how much the position "
        "in the middle looks at each position; lower row: what each position gets from all of them. White is each "
        f"map's own greatest value, so two maps don't compare in strength.{other}"
    )


@dataclass(frozen=True)
class _Group:
    """The heads of one kernel size and dilation, from where they stand in a row's picture."""

    words: str
    heads: list[int]
    left: int


@dataclass(frozen=True)
class _Row:
    """One module's maps as a picture."""

    module: Module
    groups: list[_Group]
    width: int

    @classmethod
    def of(cls, module: Module) -> "_Row":
        """The module's heads by dilation, the densest first."""
        kinds = list(zip(module.dilations, module.kernel_sizes, strict=True))
        groups, left = [], 0
        for kind in sorted(set(kinds)):
            heads = [head for head, own in enumerate(kinds) if own == kind]
            groups.append(_Group(_named(module, *kind), heads, left))
            left += max(len(heads) * STEP_PX, LEAST_GROUP_PX) + BETWEEN_PX
        return cls(module, groups, left - BETWEEN_PX)

    def picture(self) -> np.ndarray:
        """Heads side by side, both rows of maps; clear where there is no map."""
        picture_HWC = np.zeros((2 * STEP_PX, self.width, 4), np.uint8)
        for x, y, map_HW in self._placed():
            picture_HWC[y : y + CELL_PX + 2, x : x + CELL_PX + 2] = _rgba(FAINT)
            picture_HWC[y + 1 : y + CELL_PX + 1, x + 1 : x + CELL_PX + 1] = _coloured(_cell(map_HW))
        return picture_HWC

    def _placed(self) -> Iterator[tuple[int, int, np.ndarray]]:
        for group in self.groups:
            for place, head in enumerate(group.heads):
                x = group.left + place * STEP_PX
                yield x, 0, self.module.middle_NHW[head]
                yield x, STEP_PX, self.module.received_NHW[head]


def _named(module: Module, dilation: int, kernel: int) -> str:
    if module.whole:
        return "whole map"
    one = len(set(module.kernel_sizes)) == 1  # then the row's own name has it
    return shorten(f"dilation {dilation}" if one else f"{kernel} x {kernel}, dilation {dilation}", 24)


def _cell(map_HW: np.ndarray) -> np.ndarray:
    """A map of any size as a square, 0 to 1: small ones pixel by pixel, large ones by their means."""
    picture = Image.fromarray(np.ascontiguousarray(map_HW, dtype=np.float32))
    small = max(map_HW.shape) <= CELL_PX
    resized = picture.resize((CELL_PX, CELL_PX), Image.Resampling.NEAREST if small else Image.Resampling.BOX)
    cell_PP = np.asarray(resized, dtype=np.float64)
    return cell_PP / max(cell_PP.max(), 1e-30)


def _coloured(cell_PP: np.ndarray) -> np.ndarray:
    stops = np.linspace(0, 1, len(RAMP))
    channels = np.array([_rgba(colour) for colour in RAMP]).T
    return np.stack([np.interp(cell_PP, stops, channel) for channel in channels], axis=-1).round().astype(np.uint8)


def _rgba(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue, 255


def _paint_image(panel: Axes, found: HeadMaps, width: int) -> None:
    side = 2 * STEP_PX
    image = Image.fromarray(found.image_HWC)
    if max(image.size) > side:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    panel.imshow(np.asarray(image), extent=(0, side, side, 0), interpolation="none")
    _bare(panel, width, "the image")


def _paint_row(panel: Axes, row: _Row, width: int) -> None:
    panel.imshow(row.picture(), extent=(0, row.width, 2 * STEP_PX, 0), interpolation="none")
    for group in row.groups:
        panel.text(group.left, -4, group.words, fontsize=8, va="bottom")
    kernels = " and ".join(shorten(str(kernel), 8) for kernel in sorted(set(row.module.kernel_sizes)))
    _bare(panel, width, f"{row.module.side} px" + ("" if row.module.whole else f"\nkernel {kernels}"))


def _bare(panel: Axes, width: int, words: str) -> None:
    """An axis without ticks and frame; all rows have one scale."""
    panel.set(xlim=(0, width), ylim=(2 * STEP_PX, 0), xticks=[], yticks=[])
    panel.set_ylabel(words, rotation=0, ha="right", va="center")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
