"""How the networks of a training are run: the same formulas, with other memory, speed and rounding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stylenat.core.training_cards import TrainingCard
from stylenat.objectives import Phase


def arrange(generator: nn.Module, discriminator: nn.Module, card: TrainingCard) -> None:
    """Bring the networks into the form that the recipe asks for; their states keep names and values."""
    if card.channels_last:
        discriminator.to(memory_format=torch.channels_last)
    for px, level in generator.levels():
        if card.compile:
            level.compile()
        if card.recompute_from_px is not None and px >= card.recompute_from_px:
            level.forward = _recomputed(level.forward)


def _recomputed(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A forward pass that keeps its inputs alone, and runs again for the gradient."""

    def run(*inputs: Any, **options: Any) -> Tensor:
        if not torch.is_grad_enabled():
            return forward(*inputs, **options)
        return checkpoint(forward, *inputs, use_reentrant=False, **options)

    return run


@contextmanager
def autocast(card: TrainingCard, device: torch.device, phase: Phase) -> Iterator[None]:
    """The arithmetic of a phase: what is differentiated twice runs in float32 and uncompiled."""
    lowered = card.precision == "bf16" and not phase.second_order
    cast = torch.autocast(device.type, torch.bfloat16) if lowered else nullcontext()
    eager = torch.compiler.set_stance("force_eager") if card.compile and phase.second_order else nullcontext()
    with cast, eager:
        yield
