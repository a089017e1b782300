"""The same latents through all models of a resolution: a row each model, a column each latent.

Shape suffixes: image_NCHW uint8 pictures, image_HWC one of them.
"""

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stylenat.report.comparison import resolution_of
from stylenat.report.load import ReportData
from stylenat.report.style import Drawing, plotted
from stylenat.report.wording import shorten

COLUMNS = 8
LARGEST_PX = 128  # a larger image is shrunk
BETWEEN = 1 / 32  # of an image's side
CELL_INCHES, LETTER_INCHES = 0.85, 0.095
NAME_PAD_INCHES = 0.15  # a reader's own font may be wider


def same_latents(data: ReportData) -> list[Drawing]:
    """One figure for each resolution and seed with samples of several models; controls have no latents."""
    groups: dict[tuple[int, str], list[str]] = {}
    for name, path in data.plan.samples.items():
        resolution = resolution_of(data, name)
        if resolution is not None and not data.models[name].control:
            groups.setdefault((resolution, _seed(path)), []).append(name)
    return [_drawing(data, *key, sorted(names)) for key, names in sorted(groups.items()) if len(names) > 1]


def _seed(path: str) -> str:
    """The seed that a file of samples is named by."""
    found = re.search(r"seed(\d+)-n\d+\.npy$", path)
    return found[1] if found else "unknown"


def _drawing(data: ReportData, resolution: int, seed: str, names: list[str]) -> Drawing:
    stem, title = f"latents-{resolution}px-seed{seed}", f"The same latents at {resolution} px"
    rows = {name: data.samples[name].images for name in names if data.samples[name].images is not None}
    left_out = [f"{name} ({data.samples[name].problem})" for name in names if name not in rows]
    if len(rows) < 2:
        return Drawing(stem, title, "", "", problem=f"fewer than two models have samples: {'; '.join(left_out)}")
    columns = min(COLUMNS, *(len(images) for images in rows.values()))

    def paint(figure: Figure, axes: list[Axes]) -> None:
        figure.get_layout_engine().set(w_pad=NAME_PAD_INCHES)
        for panel, (name, image_NCHW) in zip(axes, rows.items(), strict=True):
            _paint(panel, np.asarray(image_NCHW[:columns]), shorten(name, 30))

    width = CELL_INCHES * columns * (1 + BETWEEN) + LETTER_INCHES * min(30, max(map(len, rows))) + 0.2
    size = (width, 1.14 * CELL_INCHES * len(rows))
    demo = "Demo networks. " if data.plan.run.demo else ""
    caption = (
        f"{demo}Made here, nothing published: images 0 to {columns - 1} of seed {seed}, one column each. A row is one "
        "model. All networks draw from the same stream of numbers, each as many as its latent has; what they make of "
        "them is their own." + "".join(f" Not drawn: {words}." for words in left_out)
    )
    alt = f"{columns} images of each of {', '.join(rows)}, a row each, from the same latents"
    return Drawing(stem, title, caption, alt, plotted(stem, size, (len(rows), 1), paint))


def _paint(panel: Axes, image_NCHW: np.ndarray, name: str) -> None:
    """One model's images side by side on an axis that all rows share: an image is one wide."""
    for place, image_CHW in enumerate(image_NCHW):
        left = place * (1 + BETWEEN)
        panel.imshow(_small(image_CHW.transpose(1, 2, 0)), extent=(left, left + 1, 1, 0), interpolation="none")
    panel.set(xlim=(0, len(image_NCHW) * (1 + BETWEEN)), ylim=(1, 0), xticks=[], yticks=[])
    panel.set_ylabel(name, rotation=0, ha="right", va="center")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _small(image_HWC: np.ndarray) -> np.ndarray:
    """A picture no larger than the figure needs."""
    height, width, _ = image_HWC.shape
    if max(height, width) <= LARGEST_PX:
        return image_HWC
    scale = LARGEST_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image_HWC).resize(size, Image.Resampling.LANCZOS))
