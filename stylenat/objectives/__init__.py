"""What the networks of a family minimise: phases, losses and regularisers, and the one contract that the loop runs."""

from stylenat.objectives.base import Batch, Losses, Objective, Phase

__all__ = ["Batch", "Losses", "Objective", "Phase"]
