"""HiT as a Family."""

from baselines.hit.checkpoint import import_checkpoint
from baselines.hit.discriminator import Discriminator
from baselines.hit.generator import Generator
from baselines.hit.objective import build_objective
from stylenat.core.interface import NetworkFamily

FAMILY = NetworkFamily(Generator, Discriminator, build_objective, import_checkpoint)
