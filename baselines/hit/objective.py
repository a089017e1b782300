"""What HiT minimises (arXiv 2106.07631): logistic losses, R1 and balanced consistency, all in every step.

Both networks learn from one batch of fakes and one state of both. Shape suffixes: image_BCHW, logit_B1.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import NonNegativeFloat

from stylenat.core.strict import Strict, parse
from stylenat.objectives import augment
from stylenat.objectives.base import Batch, Losses, Objective, Phase
from stylenat.objectives.losses import consistency, discriminator_loss, generator_loss, r1_penalty

# Images are not mirrored, and shifts bring in zeros of the image's range, whose colour does not change any more.
AUGMENTATION = ("brightness", "saturation", "contrast", "shift", "cutout")


class Options(Strict):
    """Weights of 0 switch a regulariser off."""

    r1_gamma: NonNegativeFloat = 10.0  # times the mean squared slope, with no 1/2
    bcr_weight: NonNegativeFloat = 10.0  # of fake and of real images


class HiTObjective(Objective):
    """One round: the generator's gradient, which leaves its images to the discriminator's."""

    def __init__(self, options: Options) -> None:
        g, d = Phase("g", "generator", self.generator_losses), Phase("d", "discriminator", self.discriminator_losses)
        super().__init__([[g, d]])
        self.options = options

    def generator_losses(self, batch: Batch) -> Losses:
        """Non-saturating logistic loss of fresh images."""
        fake_BCHW = batch.generator(batch.latents("train-g"))
        batch.shared["fake_BCHW"] = fake_BCHW.detach()
        loss = generator_loss(batch.discriminator(fake_BCHW))
        return loss, {"loss_g": loss}

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Logistic loss, gamma * R1, and the squared differences of the logits with and without augmentation."""
        network, options, fake_BCHW = batch.discriminator, self.options, batch.shared["fake_BCHW"]
        real_BCHW = batch.real_BCHW.detach().requires_grad_(options.r1_gamma > 0)
        logits = {"bcr_fake": network(fake_BCHW), "bcr_real": network(real_BCHW)}
        loss = total = discriminator_loss(logits["bcr_real"], logits["bcr_fake"])
        values = {"loss_d": loss}
        if options.r1_gamma > 0:
            values["r1"] = r1_penalty(logits["bcr_real"], real_BCHW)
            total = total + options.r1_gamma * values["r1"]
        if options.bcr_weight > 0:
            for name, image_BCHW in (("bcr_fake", fake_BCHW), ("bcr_real", batch.real_BCHW)):
                values[name] = consistency(network(augmented(image_BCHW, name, batch)), logits[name])
                total = total + options.bcr_weight * values[name]
        return total, values


def augmented(image_BCHW: torch.Tensor, stream: str, batch: Batch) -> torch.Tensor:
    """The images as balanced consistency shows them to the discriminator a second time; constants to it."""
    chosen = augment.draw(batch.seed, stream, batch.places, image_BCHW.shape[-1])
    return augment.apply(image_BCHW.detach(), chosen, AUGMENTATION)


def build_objective(options: Mapping[str, Any]) -> HiTObjective:
    """The objective of a recipe's options; a fault raises InputError."""
    return HiTObjective(parse(dict(options), Options, "objective"))
