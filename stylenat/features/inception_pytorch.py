"""Inception-v3 of the pytorch-fid class, by clean-fid: half-pixel bilinear resize, pixels as 2 * x / 255 - 1.

Equal to clean-fid's mode `legacy_pytorch`. Shape suffixes: pixel_BCHW uint8 images, feature_BD float32 (D the layer's
width).
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F

from stylenat.features._load import check_weights, quiet

INPUT_PX = 299


class InceptionPytorch(torch.nn.Module):
    """Pooled features of one layer ('64', '192', '768' or '2048'); layers above it are not computed."""

    def __init__(self, weights: Path, layer: str) -> None:
        super().__init__()
        check_weights(weights)
        with quiet():
            from cleanfid.inception_pytorch import FID_WEIGHTS_URL, InceptionV3  # its import warns

            block = InceptionV3.BLOCK_INDEX_BY_DIM[int(layer)]
            with _as_download(weights, FID_WEIGHTS_URL):
                self.network = InceptionV3(output_blocks=[block], resize_input=False).eval()

    def forward(self, pixel_BCHW: torch.Tensor) -> torch.Tensor:
        """Features (B, D) of uint8 images of any size."""
        size = (INPUT_PX, INPUT_PX)
        resized = F.interpolate(pixel_BCHW.float(), size=size, mode="bilinear", align_corners=False).clamp(0, 255)
        (feature_BDHW,) = self.network(resized / 255)
        return F.adaptive_avg_pool2d(feature_BDHW, 1).flatten(1)


@contextmanager
def _as_download(weights: Path, url: str) -> Iterator[None]:
    """Let torch.hub find `weights` where it would have put the file of `url`: the library takes no path."""
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Path(folder, "checkpoints")
        checkpoints.mkdir()
        os.symlink(Path(weights).resolve(), checkpoints / url.rpartition("/")[2])
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
