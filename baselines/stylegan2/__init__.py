"""StyleGAN2 (arXiv 1912.04958), in the shape of its PyTorch release: skip generator, residual discriminator."""

from baselines.stylegan2.family import FAMILY

__all__ = ["FAMILY"]
