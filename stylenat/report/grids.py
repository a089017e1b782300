"""Grids of samples: the first images of each model, made from the same latents.

Shape suffixes: image_NCHW uint8 pictures, grid_HWC one picture.
"""

import io

import numpy as np
from PIL import Image

from stylenat.report.load import ReportData
from stylenat.report.style import Drawing
from stylenat.report.wording import slug

COLUMNS, ROWS = 8, 4
LARGEST_CELL_PX = 128  # larger images are shrunk, so that a page of 1024 px samples stays small
SMALLEST_CELL_PX = 64  # smaller ones are enlarged by whole factors, pixel by pixel


def sample_grids(data: ReportData) -> list[Drawing]:
    """One grid a model, trained and imported models before the controls."""
    names = sorted(data.samples, key=lambda name: (name in data.models and data.models[name].control, name))
    return [_grid(data, name) for name in names]


def _grid(data: ReportData, name: str) -> Drawing:
    title = data.models[name].title if name in data.models else name
    samples = data.samples[name]
    stem = f"samples-{slug(name)}"
    if samples.images is None:
        return Drawing(stem, title, "", "", problem=samples.problem)
    image_NCHW = np.asarray(samples.images[: COLUMNS * ROWS])
    count, _, height, width = image_NCHW.shape
    shrunk = min(1.0, LARGEST_CELL_PX / max(height, width))
    factor = max(1, SMALLEST_CELL_PX // max(height, width))
    shown = f", shown at {LARGEST_CELL_PX} px" if shrunk < 1 else ""
    caption = f"{name}: the first {count} samples of {len(samples.images):,}, {width} x {height} px{shown}."
    alt = f"Grid of {count} images by {title}"
    return Drawing(stem, title, caption, alt, lambda: (None, _picture(image_NCHW, shrunk if shrunk < 1 else factor)))


def _picture(image_NCHW: np.ndarray, scale: float) -> bytes:
    """The grid as PNG; shrunk smoothly, or enlarged pixel by pixel."""
    grid = Image.fromarray(_tiled(image_NCHW))
    size = (round(grid.width * scale), round(grid.height * scale))
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    buffer = io.BytesIO()
    grid.resize(size, how).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _tiled(image_NCHW: np.ndarray) -> np.ndarray:
    """Images row by row into one picture; places without an image are mid-grey."""
    count, channels, height, width = image_NCHW.shape
    rows = -(-count // COLUMNS)
    full_NCHW = np.full((rows * COLUMNS, channels, height, width), 128, np.uint8)
    full_NCHW[:count] = image_NCHW
    parts = full_NCHW.reshape(rows, COLUMNS, channels, height, width)
    grid_HWC = parts.transpose(0, 3, 1, 4, 2).reshape(rows * height, COLUMNS * width, channels)
    return np.ascontiguousarray(grid_HWC)
