"""The contract between a family's losses and the training loop.

An objective is a list of rounds, a round a list of phases. The loop runs the phases of a round in order: each gives
the gradient of one network, the other one frozen; after the last of them the networks of the round take their steps.
A round of two phases updates both networks from one state of both.

Shape suffixes: z_BZ latents, real_BCHW images in the generator's declared range.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from stylenat.core.interface import Part
from stylenat.core.seeds import latents

Losses = tuple[torch.Tensor, dict[str, torch.Tensor]]  # what is minimised, and the values to be logged by name


@dataclass
class Batch:
    """What one step works on. Randomness is a function of (seed, place): the place of an image in the training."""

    generator: nn.Module
    discriminator: nn.Module
    real_BCHW: torch.Tensor
    places: range
    seed: int
    nimg: int  # images seen before this batch
    shared: dict[str, Any] = field(default_factory=dict)  # what a phase leaves for a later one of the same step

    def latents(self, stream: str, count: int | None = None) -> torch.Tensor:
        """Latents (B, Z) of a named stream, or the first `count` of them."""
        places = self.places if count is None else self.places[:count]
        return latents(self.seed, places, self.generator.spec.z_dim, stream).to(self.real_BCHW.device)


@dataclass(frozen=True)
class Phase:
    """One gradient of one network."""

    name: str  # names its gradient norm in the log
    part: Part  # the network that learns
    losses: Callable[[Batch], Losses]
    interval: int = 1  # steps between two; a lazy regulariser has more than 1
    start_nimg: int = 0
    clip_grad_norm: float | None = None
    second_order: bool = False  # its losses hold gradients themselves

    def is_due(self, step: int, nimg: int) -> bool:
        """Whether the phase runs at a step."""
        return step % self.interval == 0 and nimg >= self.start_nimg


class Objective(nn.Module):
    """The rounds of a step. A module, so that what it tracks (buffers) is part of the training's state.

    lazy_interval: by network, the interval that its optimiser's rate and betas are scaled for (arXiv 1912.04958,
    appendix B); 1 scales nothing.
    """

    def __init__(self, rounds: list[list[Phase]], lazy_interval: dict[Part, int] | None = None) -> None:
        super().__init__()
        self.rounds = rounds
        self.lazy_interval: dict[Part, int] = {"generator": 1, "discriminator": 1, **(lazy_interval or {})}
