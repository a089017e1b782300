"""StyleGAN-XL's generator (arXiv 2202.00273), unconditional.

Only the layers of the last stage learn; a stem learns as a whole. Parameters that do not learn have requires_grad
False, among them the class embedding, which an unconditional network carries without use.
Shape suffixes: z_BZ latents, w_BW styles, w_BLW one style a layer, image_BCHW.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines.stylegan_xl.config import Arch, parse_arch
from baselines.stylegan_xl.synthesis import Synthesis
from baselines.stylegan_xl.table import layers
from stylenat.core.errors import InputError
from stylenat.core.interface import GeneratorSpec
from stylenat.nn.mapping import Mapping as MappingNetwork

CLASSES, CLASS_DIM = 1000, 320  # of the unused embedding


class Generator(nn.Module):
    """Latents to images; image i is a function of row i alone."""

    def __init__(self, arch: Mapping[str, Any] | Arch) -> None:
        super().__init__()
        self.arch = arch if isinstance(arch, Arch) else parse_arch(arch)
        config, table = self.arch, layers(self.arch)
        self.spec = GeneratorSpec(config.z_dim, config.resolution)
        self.mapping = MappingNetwork(config.z_dim, config.w_dim, config.mapping_layers, config.w_avg_beta)
        self.mapping.embed = nn.Embedding(CLASSES, CLASS_DIM).requires_grad_(False)
        self.synthesis = Synthesis(table, config.w_dim)
        self.is_stem = not config.up_factors
        if not self.is_stem:
            self.requires_grad_(False)
            for layer in table:
                self.synthesis.get_submodule(layer.name).requires_grad_(layer.trained)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Latents (B, Z) to images (B, 3, H, W), float32, in [-1, 1]; labels are ignored."""
        return self.synthesis(self.per_layer(self.mapping.truncate(self.mapping(z_BZ), truncation_psi))).float()

    def levels(self) -> list[tuple[int, nn.Module]]:
        """The layers, each with the side of its maps in px."""
        return [(layer.target.size, self.synthesis.get_submodule(layer.name)) for layer in layers(self.arch)]

    def per_layer(self, w_BW: Tensor) -> Tensor:
        """(B, W) to (B, num_ws, W): the same style for every layer."""
        return w_BW[:, None].expand(-1, self.synthesis.num_ws, -1)

    @torch.no_grad()
    def load_initial(self, state: Mapping[str, Tensor]) -> None:
        """Take over the state of the network of one stage less, but for its critically sampled layers.

        Raises:
            InputError: this is a stem, or the state is not that of the network this one grows from.
        """
        if self.is_stem:
            raise InputError("found an initial state for a stem, expected a network with super-resolution stages")
        with torch.device("meta"):
            smaller = Generator(self.arch.before_last_stage()).state_dict()
        px = self.arch.resolution // self.arch.up_factors[-1]
        for name, value in smaller.items():
            found = tuple(state[name].shape) if name in state else "nothing"
            if found != tuple(value.shape):
                raise InputError(
                    f"initial state: {name}: found {found}, expected {tuple(value.shape)} ({px} px network)"
                )
        if len(state) != len(smaller):
            extra = sorted(name for name in state if name not in smaller)
            raise InputError(f"initial state: found {len(extra)} unknown ({extra[0]}, ...), expected a {px} px network")
        own = self.state_dict()
        for name in smaller:
            if name in own:
                own[name].copy_(state[name])
