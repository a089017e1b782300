"""StyleGAN-XL, unconditional: an alias-free generator grown in stages, against a projected discriminator."""

from baselines.stylegan_xl.family import FAMILY

__all__ = ["FAMILY"]
