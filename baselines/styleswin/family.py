"""StyleSwin as a Family."""

from baselines.styleswin.checkpoint import import_checkpoint
from baselines.styleswin.discriminator import Discriminator
from baselines.styleswin.generator import Generator
from baselines.styleswin.objective import build_objective
from stylenat.core.interface import NetworkFamily

FAMILY = NetworkFamily(Generator, Discriminator, build_objective, import_checkpoint)
