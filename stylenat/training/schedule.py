"""Learning rates as functions of progress, and the scaling that goes with lazy regularisation.

D takes an extra step every r1_interval; its Adam is scaled so that the two together move as one would
(arXiv 1912.04958, appendix B): c = interval / (interval + 1), rate * c, beta ** c.
"""

from dataclasses import dataclass

from stylenat.core.cards import Adam, TrainingCard


@dataclass(frozen=True)
class Rates:
    """Learning rates of the two optimisers at one point of a training."""

    generator: float
    discriminator: float


def lazy_factor(card: TrainingCard) -> float:
    """c of the discriminator; 1 when there is no R1 penalty."""
    return card.r1_interval / (card.r1_interval + 1) if card.r1_gamma > 0 else 1.0


def betas(adam: Adam, factor: float = 1.0) -> tuple[float, float]:
    """Adam's betas under lazy regularisation of the given factor."""
    return adam.beta1**factor, adam.beta2**factor


def rates_at(card: TrainingCard, nimg: int) -> Rates:
    """Constant until lr_decay_start_nimg, then linear to 0 at total_nimg.

    With unscaled_lr_in_decay the discriminator's factor is dropped once the decay begins, as in the official loop.
    """
    start = card.lr_decay_start_nimg
    decaying = start is not None and nimg > start
    left = (card.total_nimg - nimg) / (card.total_nimg - start) if decaying else 1.0
    factor = 1.0 if decaying and card.unscaled_lr_in_decay else lazy_factor(card)
    return Rates(card.generator.lr * left, card.discriminator.lr * left * factor)
