"""StyleGAN2 as a Family."""

from baselines.stylegan2.checkpoint import import_checkpoint
from baselines.stylegan2.discriminator import Discriminator
from baselines.stylegan2.generator import Generator
from baselines.stylegan2.objective import build_objective
from stylenat.core.interface import NetworkFamily

FAMILY = NetworkFamily(Generator, Discriminator, build_objective, import_checkpoint)
