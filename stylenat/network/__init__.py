"""StyleNAT: hydra neighborhood attention in a style-based generator, against a wavelet discriminator."""

from stylenat.network.family import FAMILY

__all__ = ["FAMILY"]
