"""The layers of a StyleGAN-XL as numbers: rates, cutoffs, widths and names (arXiv 2106.12423, 2202.00273).

Every layer goes from one point of a progression to the next: the cutoff and the stopband rise geometrically from those
of the first point to those of the full resolution, where the last layers are critically sampled. A super-resolution
stage cuts those off and begins a new progression at the last layer kept. Frequencies are in cycles an image width.
"""

import math
from dataclasses import dataclass

from baselines.stylegan_xl.config import Arch

CRITICAL_LAYERS = 2  # besides the RGB layer
FIRST_CUTOFF = 2.0
FIRST_STOPBAND = 2.0**2.1
LAST_STOPBAND_RATIO = 2.0**0.3  # of the stopband to half the resolution
MARGIN_PX = 10  # around the image, on each side
WIDTH_FACTOR = 2  # configuration T doubles both width flags
RGB = 3


@dataclass(frozen=True)
class Point:
    """A layer's output: its band, sampling rate, size in px and channels."""

    cutoff: float
    stopband: float
    rate: int
    size: int
    channels: int

    @property
    def half_width(self) -> float:
        """Half the width of the filter's transition band."""
        return max(self.stopband, self.rate / 2) - self.cutoff


@dataclass(frozen=True)
class Layer:
    """A layer between two points."""

    index: int
    source: Point
    target: Point
    rgb: bool  # the last one, without filters
    trained: bool  # the last stage's own, or a stem's

    @property
    def name(self) -> str:
        """Name of the official checkpoints."""
        return f"L{self.index}_{self.target.size}_{self.target.channels}"

    @property
    def internal_rate(self) -> int:
        """The sampling rate at which the nonlinearity works."""
        return max(self.source.rate, self.target.rate) * (1 if self.rgb else 2)


def layers(arch: Arch) -> list[Layer]:
    """All layers of a generator, the RGB layer last.

    A stage's numbers begin two above the last layer kept: one number is skipped at each boundary, as officially.
    """
    table: list[Layer] = []
    stages = [(arch.stem_resolution, arch.stem_layers)]
    for factor, count in zip(arch.up_factors, arch.stage_layers, strict=True):
        stages.append((stages[-1][0] * factor, count))
    for resolution, count in stages:
        kept = [_frozen(layer) for layer in table[: -CRITICAL_LAYERS - 1]]
        first = kept[-1].index + 2 if kept else 0
        points = _progression(arch, resolution, count, kept[-1].target if kept else None)
        table = kept + [
            Layer(first + i, points[max(i - 1, 0)], point, rgb=i == count, trained=True)
            for i, point in enumerate(points)
        ]
    return table


def _frozen(layer: Layer) -> Layer:
    return Layer(layer.index, layer.source, layer.target, layer.rgb, trained=False)


def _progression(arch: Arch, resolution: int, count: int, start: Point | None) -> list[Point]:
    """`count` layers and the RGB layer up to a resolution; the first repeats `start`, if given."""
    nyquist = resolution / 2
    cutoff = FIRST_CUTOFF if start is None else start.cutoff
    stopband = FIRST_STOPBAND if start is None else start.stopband
    points = []
    for i in range(count + 1):
        exponent = min(i / (count - CRITICAL_LAYERS), 1)
        fc = cutoff * (nyquist / cutoff) ** exponent
        ft = stopband * (nyquist * LAST_STOPBAND_RATIO / stopband) ** exponent
        rate = 2 ** math.ceil(math.log2(min(2 * ft, resolution)))
        width = round(min(WIDTH_FACTOR * arch.channel_base / 2 / fc, WIDTH_FACTOR * arch.channel_max))
        size = resolution if i >= count - 1 else rate + 2 * MARGIN_PX
        points.append(Point(fc, ft, rate, size, RGB if i == count else width))
    if start is not None:
        points[0] = start
    return points
