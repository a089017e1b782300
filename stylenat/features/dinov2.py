"""DINOv2 ViT-L/14 as dgm-eval uses it (arXiv:2306.04675): Pillow's bicubic to 224 px, the normalised class token.

The network is timm's, loaded with the official checkpoint, whose tensors have the same names. Position embeddings are
resampled as the official code does it: timm's own loader widens the filter and gives others.
Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D 1024), position_1ND embeddings of N places.
"""

from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from stylenat.features._load import check_weights, quiet
from stylenat.features._resize import resize_each

NETWORK = "the official DINOv2 ViT-L/14"
ARCHITECTURE = "vit_large_patch14_dinov2"
INPUT_PX, TRAINED_PX, PATCH_PX = 224, 518, 14
OFFSET = 0.1  # official: added to the number of patches, against rounding down
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, for pixels in [0, 1]


class Dinov2(torch.nn.Module):
    """The class token after the last normalisation, layer 'cls'; `shape` overrides the size of the network."""

    def __init__(self, weights: Path, layer: str, **shape: Any) -> None:
        super().__init__()
        assert layer == "cls", layer
        state = check_weights(weights, expected_state(**shape), NETWORK)
        del state["mask_token"]  # of the training alone
        state["pos_embed"] = resample(state["pos_embed"].float(), INPUT_PX // PATCH_PX)
        self.network = _build(INPUT_PX, **shape)
        self.network.load_state_dict({name: value.float() for name, value in state.items()}, assign=True)
        self.network.eval().requires_grad_(False)
        self.width = self.network.num_features
        self.register_buffer("mean_C", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("sd_C", torch.tensor(SD).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        unit_BCHW = resize_each(pixel_BCHW, _resize).float() / 255
        return self.network((unit_BCHW - self.mean_C) / self.sd_C)


def expected_state(**shape: Any) -> dict[str, torch.Tensor]:
    """Names and shapes of the official checkpoint, on the meta device."""
    state = _build(TRAINED_PX, **shape).state_dict()
    state["mask_token"] = torch.empty(1, state["cls_token"].shape[-1], device="meta")
    return state


def resample(position_1ND: torch.Tensor, side: int) -> torch.Tensor:
    """Position embeddings, the class token's first, for `side` x `side` patches.

    Bicubic without antialiasing, its scale a little larger than the ratio: facebookresearch/dinov2 at 027a9ac,
    interpolate_pos_encoding.
    """
    trained = isqrt(position_1ND.shape[1] - 1)
    grid_1DHW = position_1ND[:, 1:].unflatten(1, (trained, trained)).permute(0, 3, 1, 2)
    scale = (side + OFFSET) / trained
    resampled_1DHW = F.interpolate(grid_1DHW, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([position_1ND[:, :1], resampled_1DHW.flatten(2).transpose(1, 2)], dim=1)


def _build(image_px: int, **shape: Any) -> torch.nn.Module:
    """The network without memory for its weights, which the checkpoint brings."""
    with quiet():
        from timm import create_model  # only here: it takes a second

        with torch.device("meta"):
            return create_model(ARCHITECTURE, pretrained=False, img_size=image_px, num_classes=0, **shape)


def _resize(pixel_HWC: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixel_HWC).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC))
