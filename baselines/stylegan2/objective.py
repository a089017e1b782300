"""What StyleGAN2 minimises (arXiv 1912.04958): logistic losses, lazy R1 and path length, style mixing.

The order is that of the official loop: the generator, its path length, the discriminator, its R1, each with an own step
and own latents. Shape suffixes: z_BZ latents, w_BW styles, ws_BLW one style a layer.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from stylenat.core.interface import Part
from stylenat.core.seeds import generator_at
from stylenat.core.strict import Strict, parse
from stylenat.objectives.base import Batch, Losses, Objective, Phase
from stylenat.objectives.losses import discriminator_loss, generator_loss, lazy_r1
from stylenat.objectives.path_length import PathLength

PATH_BATCH_SHRINK = 2  # path length sees half of the batch

Fraction = Annotated[float, Field(ge=0, le=1)]


class Options(Strict):
    """Weights of 0 switch a regulariser off."""

    r1_gamma: NonNegativeFloat
    r1_interval: PositiveInt = 16
    path_length_weight: NonNegativeFloat = 2
    path_length_interval: PositiveInt = 4
    path_length_decay: Fraction = 0.01
    style_mixing: Fraction = 0.9


class StyleGAN2Objective(Objective):
    """The rounds of a step; it keeps the running mean of the path lengths."""

    def __init__(self, options: Options) -> None:
        path = options.path_length_interval if options.path_length_weight else None
        r1 = options.r1_interval if options.r1_gamma else None
        rounds = [[Phase("g", "generator", self.generator_losses)]]
        if path:
            rounds.append([Phase("path", "generator", self.path_losses, path, second_order=True)])
        rounds.append([Phase("d", "discriminator", self.discriminator_losses)])
        if r1:
            rounds.append([Phase("r1", "discriminator", self.r1_losses, r1, second_order=True)])
        lazy: dict[Part, int] = {"generator": path or 1, "discriminator": r1 or 1}
        super().__init__(rounds, lazy)
        self.options = options
        self.path_length = PathLength(options.path_length_decay)

    def generator_losses(self, batch: Batch) -> Losses:
        """Non-saturating logistic loss of fresh images."""
        ws_BLW = styles(batch, "train-g", self.options.style_mixing)
        loss = generator_loss(batch.discriminator(_images(batch, ws_BLW)))
        return loss, {"loss_g": loss}

    def path_losses(self, batch: Batch) -> Losses:
        """Path length, over part of the batch, times weight and interval."""
        count = max(len(batch.places) // PATH_BATCH_SHRINK, 1)
        ws_BLW = styles(batch, "train-path", self.options.style_mixing, count)
        image_BCHW = _images(batch, ws_BLW)
        penalty, length_B = self.path_length(image_BCHW, ws_BLW)
        # What no length depends on, the images' biases, gets a gradient of zero, not none: Adam's moments advance.
        gain = self.options.path_length_weight * self.options.path_length_interval
        return gain * penalty + 0 * image_BCHW.sum(), {"path_penalty": penalty, "path_length": length_B.mean()}

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Logistic loss of fresh and real images."""
        with torch.no_grad():
            fake_BCHW = _images(batch, styles(batch, "train-d", self.options.style_mixing))
        loss = discriminator_loss(batch.discriminator(batch.real_BCHW), batch.discriminator(fake_BCHW))
        return loss, {"loss_d": loss}

    def r1_losses(self, batch: Batch) -> Losses:
        """gamma / 2 * R1 * interval."""
        return lazy_r1(batch.discriminator, batch.real_BCHW, self.options.r1_gamma, self.options.r1_interval)


def styles(batch: Batch, stream: str, mixing: float, count: int | None = None) -> Tensor:
    """Styles (B, num_ws, W) of fresh latents; with a probability an image changes to other ones from some layer on.

    In train mode the mapping's mean follows those of the first latents.
    """
    generator = batch.generator
    w_BW = generator.mapping(batch.latents(stream, count))
    if generator.training:
        generator.mapping.track(w_BW)
    ws_BLW = generator.broadcast(w_BW)
    if mixing == 0:
        return ws_BLW
    other_BLW = generator.broadcast(generator.mapping(batch.latents(f"{stream}-mix", count)))
    places = batch.places[:count]
    cutoff_B = [cutoff(batch.seed, f"{stream}-cutoff", place, mixing, generator.num_ws) for place in places]
    layer_L = torch.arange(generator.num_ws, device=w_BW.device)
    first_BL = layer_L < torch.tensor(cutoff_B, device=w_BW.device)[:, None]
    return torch.where(first_BL[:, :, None], ws_BLW, other_BLW)


def cutoff(seed: int, stream: str, place: int, mixing: float, num_ws: int) -> int:
    """The first layer that takes the other style, uniform in 1 ... num_ws - 1; num_ws where none does."""
    rng = generator_at(seed, stream, place)
    return int(rng.integers(1, num_ws)) if rng.random() < mixing else num_ws


def _images(batch: Batch, ws_BLW: Tensor) -> Tensor:
    return batch.generator.synthesis(ws_BLW, "random" if batch.generator.training else "const")


def build_objective(options: Mapping[str, Any]) -> StyleGAN2Objective:
    """The objective of a recipe's options; a fault raises InputError."""
    return StyleGAN2Objective(parse(dict(options), Options, "objective"))
