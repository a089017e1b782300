"""One iteration, in three phases that each freeze the other network: D, lazy R1, G.

Shape suffixes: z_BZ latents, real_BCHW and fake_BCHW images in the declared range, logit_B1.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stylenat.core.cards import TrainingCard
from stylenat.core.errors import InputError
from stylenat.core.images import from_uint8
from stylenat.core.interface import Family
from stylenat.core.seeds import latents
from stylenat.training import augment, ema, losses, schedule
from stylenat.training.streams import Images, real_pixels


class TrainingError(InputError):
    """A training that can't go on; what was saved before is kept."""


class Trainer:
    """Both networks, the average, the optimisers, and the position in images (nimg) and steps."""

    def __init__(self, family: Family, arch: Mapping[str, Any], card: TrainingCard, device: torch.device) -> None:
        self.card, self.device = card, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(card.seed)
            self.generator = family.build_generator(arch).to(device).train()
            self.discriminator = family.build_discriminator(arch).to(device).train()
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.decay, factor = ema.decay_per_step(card), schedule.lazy_factor(card)
        rates = schedule.rates_at(card, 0)
        g, d = self.generator.parameters(), self.discriminator.parameters()
        self.g_adam = torch.optim.Adam(g, lr=rates.generator, betas=schedule.betas(card.generator))
        self.d_adam = torch.optim.Adam(d, lr=rates.discriminator, betas=schedule.betas(card.discriminator, factor))
        self.nimg, self.step = 0, 0

    def iterate(self, images: Images, flips: bool) -> dict[str, float]:
        """One iteration on the next batch; the losses and gradient norms of it."""
        card, places = self.card, range(self.nimg, self.nimg + self.card.batch_size)
        self._set_rates()
        real_BCHW = from_uint8(real_pixels(images, card.seed, places, flips).to(self.device), self.generator.spec)
        values = self.d_phase(real_BCHW, self._latents("train-d", places), places)
        if card.r1_gamma > 0 and self.step % card.r1_interval == 0:
            values |= self.r1_phase(real_BCHW)
        values |= self.g_phase(self._latents("train-g", places))
        ema.update(self.average, self.generator, self.decay)
        self.nimg, self.step = self.nimg + card.batch_size, self.step + 1
        return values

    def d_phase(self, real_BCHW: torch.Tensor, z_BZ: torch.Tensor, places: range) -> dict[str, float]:
        """The discriminator's step: logistic loss and balanced consistency, gradient clipped by norm."""
        card, network = self.card, self.discriminator.requires_grad_(True)
        with torch.no_grad():
            fake_BCHW = self.generator(z_BZ)
        # The order of the calls counts: each one moves the spectral norm's vectors.
        fake_logit_B1, real_logit_B1 = network(fake_BCHW), network(real_BCHW)
        loss = total = losses.discriminator_loss(real_logit_B1, fake_logit_B1)
        values: dict[str, torch.Tensor] = {"loss_d": loss}
        for name, weight, image, logit in (
            ("bcr_fake", card.bcr_fake, fake_BCHW, fake_logit_B1),
            ("bcr_real", card.bcr_real, real_BCHW, real_logit_B1),
        ):
            if weight > 0:
                values[name] = losses.consistency(network(self._augmented(image, name, places)), logit)
                total = total + weight * values[name]
        values["grad_norm_d"] = self._descend(total, network, self.d_adam, card.clip_d_grad_norm)
        return self._checked(values)

    def r1_phase(self, real_BCHW: torch.Tensor) -> dict[str, float]:
        """The discriminator's lazy step: gamma / 2 * R1 * interval, not clipped."""
        card, network = self.card, self.discriminator.requires_grad_(True)
        real_BCHW = real_BCHW.detach().requires_grad_(True)
        logit_B1 = network(real_BCHW)
        r1 = losses.r1_penalty(logit_B1, real_BCHW)
        # R1 does not reach the last bias: a gradient of zero, not none, makes Adam's moments advance for all alike.
        loss = card.r1_gamma / 2 * r1 * card.r1_interval + 0 * logit_B1.sum()
        norm = self._descend(loss, network, self.d_adam, None)
        return self._checked({"r1": r1, "grad_norm_r1": norm})

    def g_phase(self, z_BZ: torch.Tensor) -> dict[str, float]:
        """The generator's step, with fresh latents; the discriminator gets no gradient."""
        self.discriminator.requires_grad_(False)
        loss = losses.generator_loss(self.discriminator(self.generator(z_BZ)))
        return self._checked(
            {"loss_g": loss, "grad_norm_g": self._descend(loss, self.generator, self.g_adam, None)},
        )

    def _descend(
        self, loss: torch.Tensor, network: nn.Module, optimizer: torch.optim.Optimizer, clip: float | None
    ) -> torch.Tensor:
        """Back-propagate and step; the gradient's norm before clipping. Nothing moves when it is not finite."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), math.inf if clip is None else clip)
        if torch.isfinite(norm) and torch.isfinite(loss):
            optimizer.step()
        return norm

    def _checked(self, values: Mapping[str, torch.Tensor]) -> dict[str, float]:
        found = {name: float(value.detach()) for name, value in values.items()}
        for name, value in found.items():
            if not math.isfinite(value):
                raise TrainingError(f"{name} is {value} at step {self.step}, {self.nimg} images: training stopped")
        return found

    def _augmented(self, image_BCHW: torch.Tensor, stream: str, places: range) -> torch.Tensor:
        chosen = augment.draw(self.card.seed, stream, places, image_BCHW.shape[-1])
        return augment.apply(image_BCHW, chosen)

    def _latents(self, stream: str, places: range) -> torch.Tensor:
        return latents(self.card.seed, places, self.generator.spec.z_dim, stream).to(self.device)

    def _set_rates(self) -> None:
        rates = schedule.rates_at(self.card, self.nimg)
        for optimizer, rate in ((self.g_adam, rates.generator), (self.d_adam, rates.discriminator)):
            for group in optimizer.param_groups:
                group["lr"] = rate
