"""StyleGAN-XL as a Family."""

from baselines.stylegan_xl.checkpoint import import_checkpoint
from baselines.stylegan_xl.discriminator import Discriminator
from baselines.stylegan_xl.generator import Generator
from baselines.stylegan_xl.objective import ProjectedObjective
from stylenat.core.interface import NetworkFamily

FAMILY = NetworkFamily(Generator, Discriminator, ProjectedObjective, import_checkpoint)
