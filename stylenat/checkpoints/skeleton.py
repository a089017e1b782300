"""Buffers of the skeleton that StyleSwin and StyleNAT share: resampling filters, wavelets, an unused position code.

Their networks keep these filters in the state; here they follow from the architecture.
"""

import re

import torch
from torch import Tensor

from stylenat.checkpoints.accept import Rule
from stylenat.nn.resample import fir_kernel

BANDS = {"l": torch.tensor([0.5, 0.5], device="cpu"), "h": torch.tensor([-0.5, 0.5], device="cpu")}


def _wavelet(name: re.Match[str]) -> Tensor:
    direction, columns, rows = name.groups()
    sign = -1 if direction == "i" and rows != columns else 1  # filters run backwards in the inverse transform
    return sign * 2 * torch.outer(BANDS[rows], BANDS[columns])


RULES = (
    Rule(re.compile(r"to_rgbs\.\d+\.upsample\.kernel"), "resampling filter", lambda _: fir_kernel(4.0)[0, 0]),
    Rule(
        re.compile(r"from_rgbs\.\d+\.downsample\.kernel|convs\.\d+\.conv2\.0\.kernel"),
        "resampling filter",
        lambda _: fir_kernel()[0, 0],
    ),
    Rule(re.compile(r"(?:from_rgbs\.\d+\.)?([di])wt\.([lh])([lh])"), "wavelet", _wavelet),
    # Never initialised by its authors.
    Rule(re.compile(r"layers\.\d+\.upsample\.sin_pos_embed\._float_tensor"), "position code", None),
)
