"""Losses of the StyleGAN line: non-saturating logistic, R1 and balanced consistency (bCR).

Shape suffixes: logit_B1, image_BCHW.
"""

import torch
import torch.nn.functional as F


def generator_loss(fake_logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(fake)): non-saturating logistic loss (arXiv 1406.2661)."""
    return F.softplus(-fake_logit_B1).mean()


def discriminator_loss(real_logit_B1: torch.Tensor, fake_logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(real)) plus mean of softplus(D(fake))."""
    return F.softplus(-real_logit_B1).mean() + F.softplus(fake_logit_B1).mean()


def r1_penalty(real_logit_B1: torch.Tensor, real_BCHW: torch.Tensor) -> torch.Tensor:
    """Mean over images of the squared norm of D's gradient at the image (arXiv 1801.04406); no gamma, no 1/2."""
    (gradient_BCHW,) = torch.autograd.grad(real_logit_B1.sum(), real_BCHW, create_graph=True)
    return gradient_BCHW.square().flatten(1).sum(dim=1).mean()


def consistency(augmented_logit_B1: torch.Tensor, logit_B1: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of D's logits with and without augmentation (arXiv 2002.04724); both sides learn."""
    return F.mse_loss(augmented_logit_B1, logit_B1)
