"""StyleNAT's discriminator: the wavelet discriminator of the skeleton."""

from collections.abc import Mapping
from typing import Any

from stylenat.network.config import parse_arch
from stylenat.nn.skeleton.discriminator import WaveletDiscriminator


class Discriminator(WaveletDiscriminator):
    """Images in the generator's range to logits; the batch must be a multiple of min(batch, 4)."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        super().__init__(parse_arch(arch))
