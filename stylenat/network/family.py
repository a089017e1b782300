"""StyleNAT as a Family."""

from stylenat.core.interface import NetworkFamily
from stylenat.network.checkpoint import import_checkpoint
from stylenat.network.discriminator import Discriminator
from stylenat.network.generator import Generator
from stylenat.network.objective import build_objective

FAMILY = NetworkFamily(Generator, Discriminator, build_objective, import_checkpoint)
