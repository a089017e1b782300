"""The running average of the generator: the network that is used."""

import torch
from torch import nn

from stylenat.core.training_cards import TrainingCard


def decay_at(card: TrainingCard, nimg: int) -> float:
    """The weight of the old average in the step that begins at nimg images; 0 makes the average a copy."""
    if nimg < card.ema_start_nimg:
        return 0.0
    if card.ema_decay_per_step is not None:
        return card.ema_decay_per_step
    half_life = card.ema_half_life_nimg
    if card.ema_rampup is not None:
        half_life = min(half_life, nimg * card.ema_rampup)
    return 0.5 ** (card.batch_size / half_life) if half_life > 0 else 0.0


class Average:
    """Moves one network towards another of the same kind: parameters averaged, what else a state holds as told."""

    def __init__(self, average: nn.Module, network: nn.Module, buffers: str) -> None:
        self.means, self.values = list(average.parameters()), list(network.parameters())
        named, names = dict(network.named_parameters()), average.state_dict()
        tracked = [name for name in names if name not in named]
        self.buffers = [(average.get_buffer(name), network.get_buffer(name)) for name in tracked]
        self.average_buffers = buffers == "averaged"

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """One step with this weight of the old average."""
        torch._foreach_lerp_(self.means, self.values, 1 - decay)
        for mean, value in self.buffers:
            if self.average_buffers and mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
