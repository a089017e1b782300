"""One iteration: the rounds of the family's objective, each phase with the other network frozen."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from stylenat.core.cards import TrainingCard
from stylenat.core.errors import InputError
from stylenat.core.images import from_uint8
from stylenat.core.interface import Family, Part
from stylenat.core.seeds import torch_seed
from stylenat.objectives import Batch, Phase
from stylenat.training import ema, schedule
from stylenat.training.streams import Images, real_pixels


class TrainingError(InputError):
    """A training that can't go on; what was saved before is kept."""


class Trainer:
    """Both networks, the average, the objective, the optimisers, and the position in images (nimg) and steps.

    `initial` is the state of a trained smaller network that the generator grows from.
    """

    def __init__(
        self,
        family: Family,
        arch: Mapping[str, Any],
        card: TrainingCard,
        device: torch.device,
        initial: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.card, self.device = card, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(card.seed)
            self.generator = family.build_generator(arch)
            self.discriminator = family.build_discriminator(arch)
        if initial is not None:
            _grow_from(self.generator, initial)
        self.generator.to(device).train()
        self.discriminator.to(device).train()
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.averaging = ema.Average(self.average, self.generator, card.ema_buffers)
        self.objective = family.build_objective(card.objective).to(device)
        self.learned = {part: [p for p in net.parameters() if p.requires_grad] for part, net in self._networks()}
        self.g_adam, self.d_adam = (
            self._adam("generator", card.generator),
            self._adam("discriminator", card.discriminator),
        )
        self.nimg, self.step = 0, 0
        self._set_rates()

    def _networks(self) -> list[tuple[Part, nn.Module]]:
        return [("generator", self.generator), ("discriminator", self.discriminator)]

    def _adam(self, part: Part, constants: Any) -> torch.optim.Adam:
        factor = schedule.lazy_factor(self.objective.lazy_interval[part])
        return torch.optim.Adam(self.learned[part], lr=constants.lr, betas=schedule.betas(constants, factor))

    def adam(self, part: Part) -> torch.optim.Adam:
        """The optimiser of a network."""
        return self.g_adam if part == "generator" else self.d_adam

    def iterate(self, images: Images, flips: bool) -> dict[str, float]:
        """One iteration on the next batch; the losses and gradient norms of it."""
        card, places = self.card, range(self.nimg, self.nimg + self.card.batch_size)
        self._set_rates()
        real_BCHW = from_uint8(real_pixels(images, card.seed, places, flips).to(self.device), self.generator.spec)
        batch = Batch(self.generator, self.discriminator, real_BCHW, places, card.seed, self.nimg)
        values: dict[str, float] = {}
        # What networks draw by themselves, noise for instance, is a function of the seed and the step.
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(torch_seed(card.seed, "step", self.step))
            for phases in self.objective.rounds:
                values |= self.run_round(phases, batch)
        self.averaging.update(ema.decay_at(card, self.nimg))
        self.nimg, self.step = self.nimg + card.batch_size, self.step + 1
        return values

    def run_round(self, phases: list[Phase], batch: Batch) -> dict[str, float]:
        """The gradients of the phases that are due, then the steps; nothing moves when a number is not finite."""
        due = [phase for phase in phases if phase.is_due(self.step, self.nimg)]
        values: dict[str, float] = {}
        for phase in due:
            values |= self._checked(self._gradient(phase, batch))
        for phase in due:
            self.adam(phase.part).step()
        return values

    def _gradient(self, phase: Phase, batch: Batch) -> dict[str, Tensor]:
        """Back-propagate one phase; its losses, and the gradient's norm before clipping."""
        for part, _ in self._networks():
            for parameter in self.learned[part]:
                parameter.requires_grad_(part == phase.part)
        self.adam(phase.part).zero_grad(set_to_none=True)
        total, values = phase.losses(batch)
        total.backward()
        limit = math.inf if phase.clip_grad_norm is None else phase.clip_grad_norm
        norm = nn.utils.clip_grad_norm_(self.learned[phase.part], limit)
        return {**values, f"grad_norm_{phase.name}": norm}

    def _checked(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        found = {name: float(value.detach()) for name, value in values.items()}
        for name, value in found.items():
            if not math.isfinite(value):
                raise TrainingError(f"{name} is {value} at step {self.step}, {self.nimg} images: training stopped")
        return found

    def _set_rates(self) -> None:
        rates = schedule.rates_at(self.card, self.nimg, self.objective.lazy_interval)
        for optimizer, rate in ((self.g_adam, rates.generator), (self.d_adam, rates.discriminator)):
            for group in optimizer.param_groups:
                group["lr"] = rate


def _grow_from(generator: nn.Module, initial: Mapping[str, Tensor]) -> None:
    if not hasattr(generator, "load_initial"):
        raise TrainingError(f"a {type(generator).__module__} does not grow from another network")
    generator.load_initial(initial)
