"""Features of a stream of images.

Shape suffixes: pixel_BCHW uint8 images, feature_ND float32.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from stylenat.core.cards import DetectorCard
from stylenat.core.device import backend
from stylenat.core.errors import InputError
from stylenat.features.inception_compat import InceptionCompat
from stylenat.features.inception_pytorch import InceptionPytorch

EXTRACTORS = {"inception-v3-compat": InceptionCompat, "inception-v3-pytorch": InceptionPytorch}


def build_extractor(detector: DetectorCard, weights: Path, device: torch.device) -> torch.nn.Module:
    """The detector's network on a device: uint8 images (B, 3, H, W) to features (B, D)."""
    return EXTRACTORS[detector.extractor](weights, detector.layer).to(device)


def extract(extractor: torch.nn.Module, batches: Iterable[torch.Tensor], device: torch.device) -> np.ndarray:
    """Features (N, D) float32 of uint8 batches, in full float32 precision.

    Raises:
        InputError: there is no image, or a feature is not finite.
    """
    parts = []
    with torch.inference_mode(), backend():
        for pixel_BCHW in batches:
            parts.append(extractor(pixel_BCHW.to(device)).float().cpu().numpy())
    if not parts:
        raise InputError("found no images to extract features of")
    feature_ND = np.concatenate(parts)
    wrong = np.flatnonzero(~np.isfinite(feature_ND).all(axis=1))
    if wrong.size:
        raise InputError(f"the features of image {wrong[0]} are not finite ({wrong.size} such images)")
    return feature_ND
