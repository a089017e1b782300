"""Losses of the StyleGAN line: non-saturating logistic, R1 and balanced consistency (bCR).

Shape suffixes: logit_B1, image_BCHW.
"""

import torch
import torch.nn.functional as F
from torch import nn


def generator_loss(fake_logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(fake)): non-saturating logistic loss (arXiv 1406.2661)."""
    return F.softplus(-full(fake_logit_B1)).mean()


def discriminator_loss(real_logit_B1: torch.Tensor, fake_logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(real)) plus mean of softplus(D(fake))."""
    return F.softplus(-full(real_logit_B1)).mean() + F.softplus(full(fake_logit_B1)).mean()


def r1_penalty(real_logit_B1: torch.Tensor, real_BCHW: torch.Tensor) -> torch.Tensor:
    """Mean over images of the squared norm of D's gradient at the image (arXiv 1801.04406); no gamma, no 1/2."""
    (gradient_BCHW,) = torch.autograd.grad(real_logit_B1.sum(), real_BCHW, create_graph=True)
    return gradient_BCHW.square().flatten(1).sum(dim=1).mean()


def lazy_r1(
    discriminator: nn.Module, real_BCHW: torch.Tensor, gamma: float, interval: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The lazy regulariser, gamma / 2 * R1 * interval, and R1 itself for the log (arXiv 1912.04958, appendix B)."""
    real_BCHW = real_BCHW.detach().requires_grad_(True)
    logit_B1 = discriminator(real_BCHW)
    r1 = r1_penalty(logit_B1, real_BCHW)
    # R1 does not reach the last bias: a gradient of zero, not none, makes Adam's moments advance for all alike.
    return gamma / 2 * r1 * interval + 0 * logit_B1.sum(), {"r1": r1}


def consistency(augmented_logit_B1: torch.Tensor, logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of D's logits with and without augmentation (arXiv 2002.04724); both sides learn."""
    return F.mse_loss(full(augmented_logit_B1), full(logit_B1))


def full(logit: torch.Tensor) -> torch.Tensor:
    """At least float32: a loss of 1e-3 beside 1 is lost in bfloat16."""
    return logit.to(torch.promote_types(logit.dtype, torch.float32))
