"""Buffers in official checkpoints that follow from the architecture: compared with ours, then dropped."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from stylenat.attention.hydra import relative_position_index
from stylenat.core.errors import InputError
from stylenat.network.config import BASE_PX
from stylenat.nn.resample import fir_kernel

INDEX = re.compile(r"layers\.0\.blocks\.[01]\.attn\.relative_position_index")
UPSAMPLING = re.compile(r"to_rgbs\.\d+\.upsample\.kernel")
FILTER = re.compile(r"from_rgbs\.\d+\.downsample\.kernel|convs\.\d+\.conv2\.0\.kernel")
WAVELET = re.compile(r"(?:from_rgbs\.\d+\.)?([di])wt\.([lh])([lh])")
WITHOUT_EFFECT = re.compile(r"layers\.\d+\.upsample\.sin_pos_embed\._float_tensor")  # never initialised
TOLERANCE = 1e-3  # other filters differ by more than 1e-2, halved precision by less than 1e-4
BANDS = {"l": torch.tensor([0.5, 0.5], device="cpu"), "h": torch.tensor([-0.5, 0.5], device="cpu")}


def drop_buffers(state: Mapping[str, Tensor], path: Path) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """The state without recomputed buffers, and their names: those compared and found equal, those without effect.

    Raises:
        InputError: a buffer has other content than this network computes.
    """
    kept: dict[str, Tensor] = {}
    dropped: dict[str, list[str]] = {"equal_to_ours": [], "without_effect": []}
    for name, value in state.items():
        what, ours = _expected(name)
        if WITHOUT_EFFECT.fullmatch(name):
            dropped["without_effect"].append(name)
        elif ours is None:
            kept[name] = value
        elif value.shape == ours.shape and torch.allclose(value.double(), ours.double(), rtol=0, atol=TOLERANCE):
            dropped["equal_to_ours"].append(name)
        else:
            raise InputError(f"{path}: {name} differs from this network's: another {what}")
    return kept, {why: sorted(names) for why, names in dropped.items()}


def _expected(name: str) -> tuple[str, Tensor | None]:
    """What a buffer is, and its content in this network; None for anything that is no such buffer."""
    if INDEX.fullmatch(name):
        return "layout of the position bias", relative_position_index(BASE_PX)
    if UPSAMPLING.fullmatch(name):
        return "resampling filter", fir_kernel(4.0)[0, 0]
    if FILTER.fullmatch(name):
        return "resampling filter", fir_kernel()[0, 0]
    wavelet = WAVELET.fullmatch(name)
    if wavelet is None:
        return "", None
    direction, columns, rows = wavelet.groups()
    sign = -1 if direction == "i" and rows != columns else 1  # filters run backwards in the inverse transform
    return "wavelet", sign * 2 * torch.outer(BANDS[rows], BANDS[columns])
