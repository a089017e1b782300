"""Neighborhood attention with relative position bias: one exact definition, and the modules on top of it."""

from stylenat.attention.dispatch import BACKENDS, neighborhood_attention
from stylenat.attention.hydra import FullAttention, HydraAttention, divide_heads

__all__ = ["BACKENDS", "FullAttention", "HydraAttention", "divide_heads", "neighborhood_attention"]
