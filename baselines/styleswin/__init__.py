"""StyleSwin: double window attention in a style-based generator, against a wavelet discriminator."""

from baselines.styleswin.family import FAMILY

__all__ = ["FAMILY"]
