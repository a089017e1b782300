"""Inception-v3 of the TensorFlow class, by torch-fidelity: TF1 bilinear resize, pixels as (x - 128) / 128.

Equal to NVIDIA's metrics and to clean-fid's mode `legacy_tensorflow`, as far as their own file of the network holds
the same numbers. Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D the layer's width).
"""

from pathlib import Path

import torch

from stylenat.features._load import check_weights, quiet
from stylenat.features.random_inception import NETWORK, expected_state


class InceptionCompat(torch.nn.Module):
    """Pooled features of one layer ('64', '192', '768' or '2048'); layers above it are not computed."""

    def __init__(self, weights: Path, layer: str) -> None:
        super().__init__()
        check_weights(weights, expected_state(), NETWORK)
        self.width = int(layer)
        with quiet():
            from torch_fidelity import FeatureExtractorInceptionV3  # its import warns

            self.network = FeatureExtractorInceptionV3(
                "inception-v3-compat", [layer], feature_extractor_weights_path=str(weights), verbose=False
            )

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        (feature_BD,) = self.network(pixel_BCHW)
        return feature_BD
