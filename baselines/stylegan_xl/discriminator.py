"""The projected discriminator of StyleGAN-XL (arXiv 2202.00273, section 3.3), unconditional.

Frozen feature networks and frozen random projections, small trained heads on top. The feature networks' weights are
those of the files that `arch.features` names, or random by its seed; without that key they are as freshly initialised,
which only serves to count parameters. All of them are part of the state. Shape suffixes: image_BCHW in [-1, 1],
logit_BN.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.stylegan_xl.augment import diff_augment
from baselines.stylegan_xl.config import Arch, parse_arch
from baselines.stylegan_xl.features import DeiT, Lite0
from baselines.stylegan_xl.heads import Heads
from baselines.stylegan_xl.projections import RandomProjection
from stylenat.nn.constants import register_constant


class Frozen(nn.Module):
    """A feature network with its projection: images to a pyramid. Never trains, though gradients reach the images."""

    def __init__(self, network: nn.Module, least_px: int) -> None:
        super().__init__()
        self.network, self.least_px = network, least_px
        self.projection = RandomProjection(network.channels)
        for name, values in (("mean_C11", network.mean), ("std_C11", network.std)):
            register_constant(self, name, partial(_column, values))
        self.requires_grad_(False).train(False)

    def train(self, mode: bool = True) -> "Frozen":
        """Stay in evaluation mode, whatever the mode of the discriminator."""
        return super().train(False)

    def forward(self, image_BCHW: Tensor) -> list[Tensor]:
        """Images (B, 3, H, W) in [-1, 1] to four maps, fine to coarse."""
        x_BCHW = ((image_BCHW + 1) / 2 - self.mean_C11) / self.std_C11
        px = self.network.px or max(self.least_px, image_BCHW.shape[-1])
        if px != image_BCHW.shape[-1]:
            x_BCHW = F.interpolate(x_BCHW, (px, px), mode="bilinear", align_corners=False)
        return self.projection(self.network(x_BCHW))


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, device="cpu")[:, None, None]


class Discriminator(nn.Module):
    """Images in [-1, 1] to the logits of all heads on both feature networks; augments its input in training mode."""

    def __init__(self, arch: Mapping[str, Any]) -> None:
        super().__init__()
        config = parse_arch(arch)
        self.features = _frozen(config)
        self.heads = nn.ModuleDict({name: Heads(config.head_max_channels) for name in self.features})

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, 3, H, W) to logits (B, N): DeiT's, then EfficientNet-lite0's; 164 of them at 256 px."""
        return torch.cat(self.logits(image_BCHW), dim=1)

    def logits(self, image_BCHW: Tensor) -> list[Tensor]:
        """The same by feature network, each (B, n); each network sees an augmentation of its own."""
        found = []
        for name, frozen in self.features.items():
            x_BCHW = diff_augment(image_BCHW) if self.training else image_BCHW
            found.append(self.heads[name](frozen(x_BCHW)))
        return found


def _frozen(config: Arch) -> nn.ModuleDict:
    """Both feature networks; a seed in the arch decides them alone, and leaves torch's generator where it was."""
    seed = None if config.features is None else config.features.random_seed
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return nn.ModuleDict({name: Frozen(kind(config), config.feature_px) for name, kind in _KINDS.items()})


_KINDS = {"deit": DeiT, "lite0": Lite0}
