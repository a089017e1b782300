"""Neighborhood attention with relative position bias: one exact definition, and the modules on top of it."""

from stylenat.attention.backends import BACKENDS, pick
from stylenat.attention.dispatch import Partition, hydra_attention, neighborhood_attention
from stylenat.attention.hydra import FullAttention, HydraAttention, divide_heads

__all__ = [
    "BACKENDS",
    "FullAttention",
    "HydraAttention",
    "Partition",
    "divide_heads",
    "hydra_attention",
    "neighborhood_attention",
    "pick",
]
