"""HiT (arXiv 2106.07631): axial attention and MLPs without convolutions against a residual discriminator."""

from baselines.hit.family import FAMILY

__all__ = ["FAMILY"]
