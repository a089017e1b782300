"""Learning rates as functions of progress, and the scaling that goes with lazy regularisation.

A network with a lazy regulariser takes an extra step every interval; its Adam is scaled so that the two together move
as one would (arXiv 1912.04958, appendix B): c = interval / (interval + 1), rate * c, beta ** c.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stylenat.core.interface import Part
from stylenat.core.training_cards import Adam, TrainingCard


@dataclass(frozen=True)
class Rates:
    """Learning rates of the two optimisers at one point of a training."""

    generator: float
    discriminator: float


def lazy_factor(interval: int) -> float:
    """c for a regulariser every so many steps; 1 for none, or one in every step."""
    return interval / (interval + 1) if interval > 1 else 1.0


def betas(adam: Adam, factor: float = 1.0) -> tuple[float, float]:
    """Adam's betas under lazy regularisation of the given factor."""
    return adam.beta1**factor, adam.beta2**factor


def rates_at(card: TrainingCard, nimg: int, lazy_interval: Mapping[Part, int]) -> Rates:
    """Constant until lr_decay_start_nimg, then linear to 0 at total_nimg.

    With unscaled_lr_in_decay the lazy factors are dropped once the decay begins, as in the official loop.
    """
    start = card.lr_decay_start_nimg
    decaying = start is not None and nimg > start
    left = (card.total_nimg - nimg) / (card.total_nimg - start) if decaying else 1.0

    def factor(part: Part) -> float:
        return 1.0 if decaying and card.unscaled_lr_in_decay else lazy_factor(lazy_interval[part])

    return Rates(card.generator.lr * left * factor("generator"), card.discriminator.lr * left * factor("discriminator"))
