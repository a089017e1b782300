"""What StyleGAN-XL minimises (arXiv 2202.00273): hinge losses of many logits, and a stem's path length.

The discriminator sees blurred images at first. Shape suffixes: image_BCHW, w_BLW one style a layer, logits (B, n) by
feature network.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

from stylenat.core.errors import InputError
from stylenat.core.strict import Strict, parse
from stylenat.objectives import Batch, Losses, Objective, Phase
from stylenat.objectives.losses import full
from stylenat.objectives.path_length import PathLength

NonNegative = Annotated[float, Field(ge=0)]


class Options(Strict):
    """What a training card's `objective` may say; the defaults are the official ones."""

    summed: bool = True  # losses are summed over samples and feature networks, as officially, or averaged over both
    blur_sigma: NonNegative = 2.0  # px, at the start
    blur_fade_nimg: PositiveInt = 300_000  # the blur is gone then
    path_length_weight: NonNegative = 2.0  # of a stem; must be 0 for a network with super-resolution stages
    path_length_interval: PositiveInt = 4  # steps between two; the weight is not multiplied by it
    path_length_decay: Annotated[float, Field(gt=0, le=1)] = 0.01
    path_length_start_nimg: NonNegativeInt = 1_000_000
    lazy_interval_generator: PositiveInt = 4  # what the optimisers' rates and betas are scaled for, though
    lazy_interval_discriminator: PositiveInt = 16  # there is no R1 and path length acts late


class ProjectedObjective(Objective):
    """Rounds: generator, path length, discriminator."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        chosen = parse(dict(options), Options, "objective")
        rounds = [[Phase("g", "generator", self.g_losses)], [Phase("d", "discriminator", self.d_losses)]]
        if chosen.path_length_weight > 0:
            every, start = chosen.path_length_interval, chosen.path_length_start_nimg
            rounds.insert(1, [Phase("path", "generator", self.path_losses, every, start, second_order=True)])
        lazy = {"generator": chosen.lazy_interval_generator, "discriminator": chosen.lazy_interval_discriminator}
        super().__init__(rounds, lazy)
        self.options = chosen
        self.path_length = PathLength(chosen.path_length_decay)

    def g_losses(self, batch: Batch) -> Losses:
        """Minus the logits of fresh latents.

        Raises:
            InputError: path length regularisation is asked of a network with super-resolution stages.
        """
        if self.options.path_length_weight > 0 and not batch.generator.is_stem:
            raise InputError(
                f"objective: path_length_weight is {self.options.path_length_weight}, expected 0: only a stem has it"
            )
        fake_BCHW = batch.generator(batch.latents("train-g"))
        loss = self.total([-x for x in batch.discriminator.logits(self.blurred(fake_BCHW, batch.nimg))])
        return loss, {"loss_g": loss}

    def path_losses(self, batch: Batch) -> Losses:
        """The path length penalty on half a batch."""
        generator, half = batch.generator, max(len(batch.places) // 2, 1)
        w_BLW = generator.per_layer(generator.mapping(batch.latents("train-path", half)))
        penalty, length_B = self.path_length(generator.synthesis(w_BLW), w_BLW)
        return penalty * self.options.path_length_weight, {"path_penalty": penalty, "path_length": length_B.mean()}

    def d_losses(self, batch: Batch) -> Losses:
        """Hinge losses of fakes and reals; the styles' running mean moves here alone."""
        generator = batch.generator
        with torch.no_grad():
            w_BW = generator.mapping(batch.latents("train-d"))
            generator.mapping.track(w_BW)
            fake_BCHW = generator.synthesis(generator.per_layer(w_BW)).float()
        fake = batch.discriminator.logits(self.blurred(fake_BCHW, batch.nimg))
        real = batch.discriminator.logits(self.blurred(batch.real_BCHW, batch.nimg))
        loss_fake, loss_real = self.total([F.relu(1 + x) for x in fake]), self.total([F.relu(1 - x) for x in real])
        loss = loss_fake + loss_real
        return loss, {"loss_d": loss, "loss_d_fake": loss_fake, "loss_d_real": loss_real}

    def total(self, terms: list[Tensor]) -> Tensor:
        """Of terms (B, n) by feature network, each sample's mean; these summed, or averaged."""
        means = torch.cat([full(x).mean(dim=1) for x in terms])
        return means.sum() if self.options.summed else means.mean()

    def blurred(self, image_BCHW: Tensor, nimg: int) -> Tensor:
        """What the discriminator sees after nimg images."""
        return blur(image_BCHW, self.options.blur_sigma * max(1 - nimg / self.options.blur_fade_nimg, 0))


def blur(image_BCHW: Tensor, sigma: float) -> Tensor:
    """Convolved with 2 ** -(distance / sigma) ** 2 up to 3 sigma, zeros around the image; no less than a pixel."""
    reach = math.floor(3 * sigma)
    if reach < 1:
        return image_BCHW
    distance = torch.arange(-reach, reach + 1, device=image_BCHW.device, dtype=image_BCHW.dtype)
    taps = torch.exp2(-(distance / sigma).square())
    taps = (taps / taps.sum()).expand(image_BCHW.shape[1], 1, 1, -1)
    x_BCHW = F.conv2d(image_BCHW, taps, padding=(0, reach), groups=image_BCHW.shape[1])
    return F.conv2d(x_BCHW, taps.mT, padding=(reach, 0), groups=image_BCHW.shape[1])
