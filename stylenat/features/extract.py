"""From a detector's card to its network."""

from pathlib import Path

import torch

from stylenat.core.cards import DetectorCard
from stylenat.features.dinov2 import Dinov2
from stylenat.features.inception_clean import InceptionClean
from stylenat.features.inception_compat import InceptionCompat
from stylenat.features.inception_pytorch import InceptionPytorch
from stylenat.features.vgg16 import Vgg16

EXTRACTORS: dict[str, type[torch.nn.Module]] = {  # made of a file of weights and a layer; `width` is D
    "inception-v3-compat": InceptionCompat,
    "inception-v3-pytorch": InceptionPytorch,
    "inception-v3-clean": InceptionClean,
    "dinov2-vit-l14": Dinov2,
    "vgg16": Vgg16,
}


def build_extractor(detector: DetectorCard, weights: Path, device: torch.device) -> torch.nn.Module:
    """The detector's network on a device: uint8 images (B, 3, H, W) to features (B, D)."""
    return EXTRACTORS[detector.extractor](weights, detector.layer).to(device)
