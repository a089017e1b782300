"""The filtered leaky ReLU of StyleGAN3 (arXiv 2106.12423): up by a low-pass filter, activated, down by another.

Both filters work in polyphase form: every up-th tap meets the input without inserted zeros, and the fine map is kept as
`down` * `down` maps, each of them filtered with every down-th tap at stride 1, so that no sample is made to be dropped.

Shape suffixes: x_BCHW coarse maps, scale_BC, bias_C; `phases` are a fine map's phases along one axis, each a map.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylenat.nn.equalized import GAIN, NEGATIVE_SLOPE

CLAMP = 256.0
STRIP_BYTES = 2 << 20  # of one phase of the fine map, where no gradient is taken: what the caches hold
LEAST_ROWS = 16  # of a strip; its neighbours' 5 are filtered twice
ROWS, COLUMNS = 2, 3  # axes of a map


def lowpass_taps(count: int, cutoff: float, width: float, rate: float) -> Tensor:
    """A Kaiser low-pass filter, (count,) float32 of sum 1; cutoff, width of the transition and rate in one unit."""
    from scipy.signal import firwin  # a slow import that only these networks need

    return torch.tensor(firwin(count, cutoff, width=width, fs=rate), dtype=torch.float32, device="cpu")


@dataclass(frozen=True)
class Resampling:
    """The geometry along one axis. Input i and fine sample t meet in up tap `up * i + first - t`, output n and fine
    sample t in down tap `t - down * n`; beyond its size the input is zero.
    """

    up: int
    down: int
    up_taps: int
    down_taps: int
    in_size: int
    out_size: int
    first: int

    @classmethod
    def centred(cls, up: int, down: int, up_taps: int, down_taps: int, in_size: int, out_size: int) -> "Resampling":
        """Input and output around one centre; the input may be larger than what the output depends on."""
        assert up % down == 0
        assert up_taps % up == 0
        assert down_taps % down == 0
        padding = (out_size - 1) * down + up_taps + down_taps - 1 - in_size * up
        return cls(up, down, up_taps, down_taps, in_size, out_size, first=(padding + up) // 2)

    @property
    def fine_size(self) -> int:
        """Fine samples that the output depends on."""
        return (self.out_size - 1) * self.down + self.down_taps

    @property
    def used(self) -> tuple[int, int]:
        """The range of the input that the output depends on."""
        begin = -(self.first // self.up)  # the first with a tap at fine sample 0
        end = (self.fine_size - 1 - self.first + self.up_taps - 1) // self.up + 1
        return max(begin, 0), min(end, self.in_size)

    def cropped(self) -> "Resampling":
        """The same output from the used range alone."""
        begin, end = self.used
        return replace(self, in_size=end - begin, first=self.first + self.up * begin)

    def part(self, begin: int, count: int) -> "Resampling":
        """Outputs begin, ..., begin + count - 1, from the whole input."""
        return replace(self, out_size=count, first=self.first - self.down * begin)


def filtered_lrelu(
    x_BCHW: Tensor, scale_BC: Tensor, bias_C: Tensor, up_taps: Tensor, down_taps: Tensor, side: Resampling
) -> Tensor:
    """x * scale + bias, up, leaky ReLU of slope 0.2 times sqrt(2), clamped, down: (B, C, in, in) to (B, C, out, out).

    The taps have sum 1. On a CPU channels should be innermost in memory (torch's channels_last).
    """
    shift_1C11, scale_BC11 = bias_C.to(x_BCHW.dtype)[None, :, None, None], scale_BC[:, :, None, None]
    taps = up_taps.to(x_BCHW.dtype), down_taps.to(x_BCHW.dtype)
    learns = torch.is_grad_enabled() and any(x.requires_grad for x in (x_BCHW, scale_BC, bias_C))
    if learns or torch.compiler.is_compiling() or x_BCHW.device.type != "cpu":
        return _filtered(torch.addcmul(shift_1C11, x_BCHW, scale_BC11), *taps, side, side)
    return _in_strips(x_BCHW.detach(), scale_BC11.detach(), shift_1C11.detach(), taps, side)


def _in_strips(
    x_BCHW: Tensor, scale_BC11: Tensor, shift_1C11: Tensor, taps: tuple[Tensor, Tensor], side: Resampling
) -> Tensor:
    """The same part by part: small enough ones stay in the caches from the first filter to the last."""
    batch, channels = scale_BC11.shape[:2]
    out_BCHW = x_BCHW.new_empty(batch, channels, side.out_size, side.out_size).to(memory_format=torch.channels_last)
    width = side.fine_size // side.down
    row_bytes = channels * width * x_BCHW.element_size()
    count = min(max(STRIP_BYTES // row_bytes, LEAST_ROWS), side.out_size)
    group = max(STRIP_BYTES // (row_bytes * width), 1)
    for b in range(0, batch, group):
        for a in range(0, side.out_size, count):
            strip, samples = side.part(a, min(count, side.out_size - a)), slice(b, b + group)
            begin, end = strip.used
            x = torch.addcmul(shift_1C11, x_BCHW[samples, :, begin:end], scale_BC11[samples])
            out_BCHW[samples, :, a : a + strip.out_size] = _filtered(x, *taps, strip.cropped(), side)
    return out_BCHW


def _filtered(x_BCHW: Tensor, up_taps: Tensor, down_taps: Tensor, rows: Resampling, columns: Resampling) -> Tensor:
    """Rows within columns: one phase of the columns is fine at a time."""
    found = []
    # The activation is homogeneous: its gain can be the filter's, and so can that of the upsampling.
    for phase in upsample(x_BCHW, up_taps * (columns.up * GAIN), columns, COLUMNS):
        fine = [_activated(x) for x in upsample(phase, up_taps * rows.up, rows, ROWS)]
        found.append(downsample(fine, down_taps, rows, ROWS))
    return downsample(found, down_taps, columns, COLUMNS)


def _activated(x: Tensor) -> Tensor:
    if x.requires_grad:
        return F.leaky_relu(x, NEGATIVE_SLOPE).clamp(-CLAMP, CLAMP)
    return F.leaky_relu_(x, NEGATIVE_SLOPE).clamp_(-CLAMP, CLAMP)


def upsample(x_BCHW: Tensor, taps: Tensor, side: Resampling, axis: int) -> list[Tensor]:
    """The fine map's phases along an axis: fine sample down * k + r stands at k in phase r."""
    ratio, size = side.up // side.down, side.out_size + side.down_taps // side.down - 1
    phases = []
    for r in range(side.down):
        parts = []
        for j in range(ratio):  # places j, j + ratio, ... of the phase
            offset, tap = divmod(side.first - (side.down * j + r), side.up)
            parts.append(correlate(x_BCHW, taps[tap :: side.up], -offset, -((j - size) // ratio), axis))
        phases.append(parts[0] if ratio == 1 else _interleaved(parts, size, axis))
    return phases


def downsample(phases: list[Tensor], taps: Tensor, side: Resampling, axis: int) -> Tensor:
    """Every down-th sample of the filtered fine map, from its phases along an axis."""
    terms = [correlate(phase, taps[r :: side.down], 0, side.out_size, axis) for r, phase in enumerate(phases)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term if total.requires_grad else total.add_(term)
    return total


def _interleaved(parts: list[Tensor], size: int, axis: int) -> Tensor:
    """Place n from part n % len(parts); channels innermost in memory as in the parts."""
    shape = list(parts[0].shape)
    shape[axis] = size
    channels_last = parts[0].stride(1) == 1
    layout = torch.channels_last if channels_last else torch.contiguous_format
    y_BCHW = torch.empty(shape, dtype=parts[0].dtype, device=parts[0].device, memory_format=layout)
    for j, part in enumerate(parts):
        y_BCHW[(slice(None),) * axis + (slice(j, None, len(parts)),)] = part
    return y_BCHW


def correlate(x_BCHW: Tensor, taps: Tensor, start: int, count: int, axis: int) -> Tensor:
    """y[n] = sum over d of taps[d] * x[start + n + d] for n < count along an axis, x zero beyond its size.

    The taps take no gradient.
    """
    if torch.is_grad_enabled() and x_BCHW.requires_grad:
        return _Correlation.apply(x_BCHW, taps, start, count, axis)
    return _correlate(x_BCHW, taps, start, count, axis)


class _Correlation(torch.autograd.Function):
    """Its gradient is a correlation again; torch's second one of a convolution runs group by group."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, taps: Tensor, start: int, count: int, axis: int) -> Tensor:
        ctx.save_for_backward(taps)
        ctx.start, ctx.size, ctx.axis = start, x_BCHW.shape[axis], axis
        return _correlate(x_BCHW, taps, start, count, axis)

    @staticmethod
    def backward(ctx: Any, gradient_BCHW: Tensor) -> tuple[Tensor, None, None, None, None]:
        (taps,) = ctx.saved_tensors
        start = -ctx.start - (len(taps) - 1)
        return correlate(gradient_BCHW, taps.flip(0), start, ctx.size, ctx.axis), None, None, None, None


def _correlate(x_BCHW: Tensor, taps: Tensor, start: int, count: int, axis: int) -> Tensor:
    channels, length = x_BCHW.shape[1], len(taps)
    padding = max(-start, start + count + length - 1 - x_BCHW.shape[axis], 0)
    kernel = taps.view(1, 1, length, 1) if axis == ROWS else taps.view(1, 1, 1, length)
    around = (padding, 0) if axis == ROWS else (0, padding)
    y_BCHW = F.conv2d(x_BCHW, kernel.expand(channels, -1, -1, -1), padding=around, groups=channels)
    return y_BCHW.narrow(axis, padding + start, count)
