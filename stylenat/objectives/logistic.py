"""The objective of StyleSwin and StyleNAT: non-saturating logistic loss, lazy R1 and balanced consistency.

A step has three rounds: D, lazy R1 with an optimiser step of its own, G with fresh latents. Shape suffixes: see `base`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt

from stylenat.core.strict import Strict, parse
from stylenat.objectives import augment, losses
from stylenat.objectives.base import Batch, Losses, Objective, Phase

Weight = Annotated[float, Field(ge=0)]


class LogisticOptions(Strict):
    """What a training card's `objective` may say; 0 turns a regulariser off."""

    r1_gamma: Weight
    r1_interval: PositiveInt = 16  # steps between two R1 penalties
    bcr_real: Weight = 0.0
    bcr_fake: Weight = 0.0
    clip_d_grad_norm: PositiveFloat | None = None  # main discriminator step only


class LogisticObjective(Objective):
    """D: logistic loss and balanced consistency; R1 every `r1_interval` steps; G: logistic loss."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = chosen = parse(dict(options), LogisticOptions, "objective")
        rounds = [[Phase("d", "discriminator", self.d_losses, clip_grad_norm=chosen.clip_d_grad_norm)]]
        lazy = {}
        if chosen.r1_gamma > 0:
            rounds.append([Phase("r1", "discriminator", self.r1_losses, chosen.r1_interval, second_order=True)])
            lazy = {"discriminator": chosen.r1_interval}
        rounds.append([Phase("g", "generator", self.g_losses)])
        super().__init__(rounds, lazy)

    def d_losses(self, batch: Batch) -> Losses:
        """Logistic loss, and the squared differences of the logits with and without augmentation."""
        network, options = batch.discriminator, self.options
        with torch.no_grad():
            fake_BCHW = batch.generator(batch.latents("train-d"))
        # The order of the calls counts: each one moves the spectral norm's vectors.
        fake_logit_B1, real_logit_B1 = network(fake_BCHW), network(batch.real_BCHW)
        loss = total = losses.discriminator_loss(real_logit_B1, fake_logit_B1)
        values = {"loss_d": loss}
        for name, weight, image, logit in (
            ("bcr_fake", options.bcr_fake, fake_BCHW, fake_logit_B1),
            ("bcr_real", options.bcr_real, batch.real_BCHW, real_logit_B1),
        ):
            if weight > 0:
                values[name] = losses.consistency(network(self.augmented(image, name, batch)), logit)
                total = total + weight * values[name]
        return total, values

    def r1_losses(self, batch: Batch) -> Losses:
        """gamma / 2 * R1 * interval."""
        return losses.lazy_r1(batch.discriminator, batch.real_BCHW, self.options.r1_gamma, self.options.r1_interval)

    def g_losses(self, batch: Batch) -> Losses:
        """Logistic loss of fresh latents."""
        loss = losses.generator_loss(batch.discriminator(batch.generator(batch.latents("train-g"))))
        return loss, {"loss_g": loss}

    def augmented(self, image_BCHW: torch.Tensor, stream: str, batch: Batch) -> torch.Tensor:
        """The images as balanced consistency shows them to D a second time."""
        return augment.apply(image_BCHW, augment.draw(batch.seed, stream, batch.places, image_BCHW.shape[-1]))
