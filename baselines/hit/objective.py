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
        g = Phase("g", "generator", self.generator_losses)
        d = Phase("d", "discriminator", self.discriminator_losses, second_order=options.r1_gamma > 0)
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
        # No image of a batch sees another one in this discriminator, so that what needs no slope goes through at once.
        images, pair = {"fake": fake_BCHW}, (("fake", fake_BCHW), ("real", batch.real_BCHW))
        if options.bcr_weight > 0:
            images |= {f"{name}_again": augmented(x, f"bcr_{name}", batch) for name, x in pair}
        logits = dict(zip(images, network(torch.cat(list(images.values()))).chunk(len(images)), strict=True))
        logits["real"] = network(real_BCHW)
        loss = total = discriminator_loss(logits["real"], logits["fake"])
        values = {"loss_d": loss}
        if options.r1_gamma > 0:
            values["r1"] = r1_penalty(logits["real"], real_BCHW)
            total = total + options.r1_gamma * values["r1"]
        if options.bcr_weight > 0:
            for name in ("fake", "real"):
                values[f"bcr_{name}"] = consistency(logits[f"{name}_again"], logits[name])
                total = total + options.bcr_weight * values[f"bcr_{name}"]
        return total, values


def augmented(image_BCHW: torch.Tensor, stream: str, batch: Batch) -> torch.Tensor:
    """The images as balanced consistency shows them to the discriminator a second time; constants to it."""
    chosen = augment.draw(batch.seed, stream, batch.places, image_BCHW.shape[-1])
    return augment.apply(image_BCHW.detach(), chosen, AUGMENTATION)


def build_objective(options: Mapping[str, Any]) -> HiTObjective:
    """The objective of a recipe's options; a fault raises InputError."""
    return HiTObjective(parse(dict(options), Options, "objective"))
