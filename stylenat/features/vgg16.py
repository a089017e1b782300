"""VGG16 trained on ImageNet, by torch-fidelity: TF1 bilinear resize to 224 px, ImageNet's mean and deviation.

The features are those of the second fully connected layer after its ReLU, as precision and recall are usually taken.
Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D 4096).
"""

from pathlib import Path

import torch
from torchvision.models import vgg16

from stylenat.features._load import check_weights, quiet

NETWORK = "torchvision's VGG16"
FEATURES = {"fc2": "fc2_relu"}  # a card's layer -> the library's name


def expected_state() -> dict[str, torch.Tensor]:
    """Names and shapes of the network's state, on the meta device."""
    with torch.device("meta"):
        return vgg16(weights=None, init_weights=False).state_dict()


class Vgg16(torch.nn.Module):
    """Features of the layer 'fc2'; the classifier above it is not computed."""

    def __init__(self, weights: Path, layer: str) -> None:
        super().__init__()
        expected = expected_state()
        check_weights(weights, expected, NETWORK)
        self.width = len(expected["classifier.3.bias"])
        with quiet():
            from torch_fidelity import FeatureExtractorVGG16  # its import warns

            self.network = FeatureExtractorVGG16(
                "vgg16", [FEATURES[layer]], feature_extractor_weights_path=str(weights)
            )

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        (feature_BD,) = self.network(pixel_BCHW)
        return feature_BD
