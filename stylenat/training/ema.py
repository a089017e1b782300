"""The running average of the generator: the network that is used."""

import torch
from torch import nn

from stylenat.core.cards import TrainingCard


def decay_per_step(card: TrainingCard) -> float:
    """The weight of the old average in one step: the card's constant, or from its half-life in images."""
    if card.ema_decay_per_step is not None:
        return card.ema_decay_per_step
    return 0.5 ** (card.batch_size / card.ema_half_life_nimg)


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network: parameters only, buffers are constants here."""
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
