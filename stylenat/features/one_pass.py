"""Every detector's statistics of a stream of images, each image made once.

Shape suffixes: pixel_BCHW uint8 images, feature_ND float32 features of N images.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from stylenat.core.device import backend
from stylenat.core.errors import InputError
from stylenat.features.statistics import Kept, ShardStatistics, make_shard


def one_pass(
    batches: Iterable[torch.Tensor],
    extractors: Mapping[str, torch.nn.Module],
    kept: Mapping[str, Kept],
    rows: range,
    device: torch.device,
    described: Mapping[str, Any],
) -> dict[str, ShardStatistics]:
    """Statistics of the images `rows`, by detector, in full float32 precision.

    Raises:
        InputError: images are not uint8 (B, 3, H, W) of one size, there are not as many as `rows`, or a feature is not
            finite.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in extractors}
    size = None
    with torch.inference_mode(), backend():
        for pixel_BCHW in batches:
            size = _checked_size(pixel_BCHW, size)
            there = pixel_BCHW.to(device)
            for name, extractor in extractors.items():
                parts[name].append(extractor(there).float().cpu().numpy())
    return {name: _shard(name, found, kept[name], rows, described) for name, found in parts.items()}


def _checked_size(pixel_BCHW: torch.Tensor, size: torch.Size | None) -> torch.Size:
    if pixel_BCHW.dtype != torch.uint8 or pixel_BCHW.ndim != 4 or pixel_BCHW.shape[1] != 3:
        found = f"{str(pixel_BCHW.dtype).removeprefix('torch.')} {tuple(pixel_BCHW.shape)}"
        raise InputError(f"found images as {found}, expected uint8 (B, 3, H, W)")
    if size is not None and pixel_BCHW.shape[2:] != size:
        raise InputError(f"found images of {tuple(size)} and of {tuple(pixel_BCHW.shape[2:])} px, expected one size")
    return pixel_BCHW.shape[2:]


def _shard(
    name: str, found: list[np.ndarray], kept: Kept, rows: range, described: Mapping[str, Any]
) -> ShardStatistics:
    feature_ND = np.concatenate(found) if found else np.empty((0, 0), np.float32)
    if len(feature_ND) != len(rows):
        raise InputError(f"found {len(feature_ND)} images, expected {len(rows)} ({rows.start} to {rows.stop - 1})")
    wrong = np.flatnonzero(~np.isfinite(feature_ND).all(axis=1))
    if wrong.size:
        first = f"image {rows.start + wrong[0]}"
        raise InputError(f"the features of {first} under detector '{name}' are not finite ({wrong.size} such images)")
    return make_shard(feature_ND, kept, described)
