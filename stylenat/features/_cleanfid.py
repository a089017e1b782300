"""clean-fid's Inception-v3 built from a file of weights, where the library itself would download one.

It is the network of pytorch-fid; the 2015-12-05 weights of pytorch-fid and of torch-fidelity are one file.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stylenat.features._load import check_weights, quiet
from stylenat.features.random_inception import NETWORK, expected_state


def build_inception(weights: Path, layer: str, *, normalize_input: bool) -> torch.nn.Module:
    """The network up to `layer`, for images of 299 px; a list of one feature map (B, D, H, W) comes out.

    With `normalize_input` it takes pixels in [0, 1], else pixels as the first layer expects them.

    Raises:
        InputError: the file is not the state of the 2015-12-05 Inception-v3.
    """
    check_weights(weights, expected_state(), NETWORK)
    with quiet():
        from cleanfid.inception_pytorch import FID_WEIGHTS_URL, InceptionV3  # its import warns

        block = InceptionV3.BLOCK_INDEX_BY_DIM[int(layer)]
        with _as_download(weights, FID_WEIGHTS_URL):
            network = InceptionV3([block], resize_input=False, normalize_input=normalize_input)
    return network.eval()


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
