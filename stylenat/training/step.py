"""One iteration: the rounds of the family's objective, each phase with the other network frozen."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stylenat.core.device import backend
from stylenat.core.errors import InputError
from stylenat.core.images import from_uint8
from stylenat.core.interface import Family, Part
from stylenat.core.seeds import torch_seed
from stylenat.core.training_cards import Adam, TrainingCard
from stylenat.objectives import Batch, Phase
from stylenat.training import ema, schedule
from stylenat.training.execution import arrange, autocast
from stylenat.training.group import Group
from stylenat.training.passes import Buffers
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
        group: Group | None = None,
    ) -> None:
        self.card, self.device, self.group = card, device, group or Group()
        self.own_passes = self.group.share(card.passes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(card.seed)
            self.generator = family.build_generator(arch)
            self.discriminator = family.build_discriminator(arch)
        if initial is not None:
            _grow_from(self.generator, initial)
        for network in (self.generator, self.discriminator):
            _place(network, device).train()
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.averaging = ema.Average(self.average, self.generator, card.ema_buffers)
        self.objective = _place(family.build_objective(card.objective), device)
        arrange(self.generator, self.discriminator, card)
        self.learned = {part: [p for p in net.parameters() if p.requires_grad] for part, net in self._networks()}
        self.g_adam = self._adam("generator", card.generator)
        self.d_adam = self._adam("discriminator", card.discriminator)
        modules = self.generator, self.discriminator, self.objective
        self.buffers = Buffers(modules, card.passes, self.group)
        self.nimg, self.step = 0, 0
        self._set_rates()

    def _networks(self) -> list[tuple[Part, nn.Module]]:
        return [("generator", self.generator), ("discriminator", self.discriminator)]

    def _adam(self, part: Part, constants: Adam) -> torch.optim.Adam:
        factor = schedule.lazy_factor(self.objective.lazy_interval[part])
        betas = schedule.betas(constants, factor)
        return torch.optim.Adam(self.learned[part], lr=constants.lr, betas=betas, fused=True)

    def adam(self, part: Part) -> torch.optim.Adam:
        """The optimiser of a network."""
        return self.g_adam if part == "generator" else self.d_adam

    def share_first(self) -> None:
        """Give all processes the first one's numbers, should their machines have rounded them differently."""
        modules = self.generator, self.discriminator, self.average, self.objective
        self.group.share_first([x for module in modules for x in module.state_dict().values()])

    def lasting(self) -> list[Tensor]:
        """What stays in memory between steps, each moment of an optimiser counted as its parameter."""
        modules = self.generator, self.discriminator, self.average, self.objective
        found = [x for module in modules for x in (*module.parameters(), *module.buffers())]
        return found + [p for part in self.learned.values() for p in part for _ in range(2)]

    def lasting_bytes(self) -> int:
        """The size of that, in bytes."""
        return sum(x.untyped_storage().nbytes() for x in self.lasting())

    def iterate(self, images: Images, flips: bool) -> dict[str, float]:
        """One iteration on the next batch; the losses and gradient norms of it, means over all passes."""
        self._set_rates()
        batches = [self._batch(images, flips, index) for index in self.own_passes]
        values: dict[str, float] = {}
        with (
            torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []),
            backend(tf32=self.card.precision != "fp32"),
        ):
            for phases in self.objective.rounds:
                values |= self.run_round(phases, batches)
        self.averaging.update(ema.decay_at(self.card, self.nimg))
        self.nimg, self.step = self.nimg + self.card.batch_size, self.step + 1
        return values

    def _batch(self, images: Images, flips: bool, index: int) -> Batch:
        card, size = self.card, self.card.batch_size // self.card.passes
        first = self.nimg + index * size
        places = range(first, first + size)
        real_BCHW = from_uint8(real_pixels(images, card.seed, places, flips).to(self.device), self.generator.spec)
        return Batch(self.generator, self.discriminator, real_BCHW, places, card.seed, self.nimg)

    def run_round(self, phases: Sequence[Phase], batches: Sequence[Batch]) -> dict[str, float]:
        """The gradients of the phases that are due, then the steps; nothing moves when a number is not finite."""
        due = [phase for phase in phases if phase.is_due(self.step, self.nimg)]
        values: dict[str, float] = {}
        for phase in due:
            values |= self._gradient(phase, batches)
        for phase in due:
            self.adam(phase.part).step()
        return values

    def _gradient(self, phase: Phase, batches: Sequence[Batch]) -> dict[str, float]:
        """Back-propagate one phase; its losses, and the gradient's norm before clipping."""
        self.adam(phase.part).zero_grad(set_to_none=True)
        values: dict[str, Tensor] = {}
        for batch in self.buffers.around(batches):
            for name, value in self.gradient_of(phase, batch).items():
                values[name] = values.get(name, 0) + value.detach() / self.card.passes
        gradients = [p.grad for p in self.learned[phase.part] if p.grad is not None]
        self.group.sum([*gradients, *values.values()])
        norm = nn.utils.get_total_norm(gradients)
        found = self._checked({**values, f"grad_norm_{phase.name}": norm}, phase)
        if phase.clip_grad_norm is not None:
            nn.utils.clip_grads_with_norm_(self.learned[phase.part], phase.clip_grad_norm, norm)
        return found

    def gradient_of(self, phase: Phase, batch: Batch) -> Mapping[str, Tensor]:
        """Add one pass's share to the gradient of the phase's network, the other one frozen; the pass's losses."""
        for part, _ in self._networks():
            for parameter in self.learned[part]:
                parameter.requires_grad_(part == phase.part)
        # What networks draw by themselves, noise for instance, is a function of the seed and the place.
        torch.manual_seed(torch_seed(self.card.seed, f"noise-{phase.name}", batch.places.start))
        with autocast(self.card, self.device, phase):
            total, values = phase.losses(batch)
        (total / self.card.passes).backward()
        return values

    def _checked(self, values: Mapping[str, Tensor], phase: Phase) -> dict[str, float]:
        found = {name: float(value.detach()) for name, value in values.items()}
        for name, value in found.items():
            if not math.isfinite(value):
                where = f"step {self.step}, {self.nimg} images, phase '{phase.name}'{self._first_bad(phase.part)}"
                raise TrainingError(f"{name} is {value} at {where}: training stopped")
        return found

    def _first_bad(self, part: Part) -> str:
        """Which parameter's gradient is the first that is not finite, in words."""
        network = dict(self._networks())[part]
        for name, parameter in network.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                return f", gradient of {part}.{name}"
        return ""

    def _set_rates(self) -> None:
        rates = schedule.rates_at(self.card, self.nimg, self.objective.lazy_interval)
        for optimizer, rate in ((self.g_adam, rates.generator), (self.d_adam, rates.discriminator)):
            for group in optimizer.param_groups:
                group["lr"] = rate


def _place(module: nn.Module, device: torch.device) -> nn.Module:
    """The module on the device; untouched if it is there, for tensors without numbers can't be moved."""
    devices = {x.device.type for x in (*module.parameters(), *module.buffers())}
    return module if devices <= {device.type} else module.to(device)


def _grow_from(generator: nn.Module, initial: Mapping[str, Tensor]) -> None:
    if not hasattr(generator, "load_initial"):
        raise TrainingError(f"a {type(generator).__module__} does not grow from another network")
    generator.load_initial(initial)
