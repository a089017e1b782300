"""The frozen feature networks of the projected discriminator: a distilled DeiT and EfficientNet-lite0, by timm.

Each gives four maps of falling resolution (arXiv 2202.00273, section 3.3). Shape suffixes: image_BCHW normalised by the
network's own mean and standard deviation, x_BTC tokens, x_BCHW maps.
"""

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from baselines.stylegan_xl.config import Arch, WeightFile
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file

LITE0_CHANNELS = (24, 40, 112, 320)
DEIT_BLOCKS = (2, 5, 8, 11)  # whose outputs are tapped
DEIT_CHANNELS = (96, 192, 384, 768)  # of the maps that random layers make of the tokens
SPECIAL_TOKENS = 2  # class and distillation
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COUNTER = ".num_batches_tracked"
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class Lite0(nn.Module):
    """EfficientNet-lite0 up to its last block: maps at strides 4, 8, 16 and 32."""

    channels = LITE0_CHANNELS
    mean, std = HALF

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        network = _create("tf_efficientnet_lite0")
        if arch.features is not None and arch.features.lite0 is not None:
            load_weights(network, arch.features.lite0, "features.lite0")
        self.px = None  # any size from feature_px up
        blocks = network.blocks
        stem = nn.Sequential(network.conv_stem, network.bn1)
        cuts = (blocks[:2], blocks[2:3], blocks[3:5], blocks[5:7])
        self.stages = nn.ModuleList([nn.Sequential(stem, *cuts[0]), *(nn.Sequential(*cut) for cut in cuts[1:])])

    def forward(self, image_BCHW: torch.Tensor) -> list[torch.Tensor]:
        """Images (B, 3, H, W) to four maps, fine to coarse."""
        maps, x_BCHW = [], image_BCHW
        for stage in self.stages:
            x_BCHW = stage(x_BCHW)
            maps.append(x_BCHW)
        return maps


class DeiT(nn.Module):
    """A distilled DeiT: tokens of four blocks, turned into maps at strides 4, 8, 16 and 32 by random layers."""

    channels = DEIT_CHANNELS
    mean, std = IMAGENET

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.network = _create(f"deit_{arch.deit}_distilled_patch16_224", img_size=arch.feature_px)
        if arch.features is not None and arch.features.deit is not None:
            load_weights(self.network, arch.features.deit, "features.deit")
        self.px = arch.feature_px
        width = self.network.embed_dim
        self.project = nn.ModuleList(nn.Conv2d(width, channels, 1) for channels in DEIT_CHANNELS)
        first, second, _, last = DEIT_CHANNELS
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, stride=4),
                nn.ConvTranspose2d(second, second, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, stride=2, padding=1),
            ]
        )

    def forward(self, image_BCHW: torch.Tensor) -> list[torch.Tensor]:
        """Images (B, 3, px, px) to four maps, fine to coarse."""
        network, tokens = self.network, []
        x_BTC = network.norm_pre(network._pos_embed(network.patch_embed(image_BCHW)))
        for index, block in enumerate(network.blocks):
            x_BTC = block(x_BTC)
            if index in DEIT_BLOCKS:
                tokens.append(x_BTC[:, SPECIAL_TOKENS:].transpose(1, 2))
        side = network.patch_embed.grid_size
        layers = zip(tokens, self.project, self.resize, strict=True)
        return [resize(project(x_BCT.unflatten(2, side))) for x_BCT, project, resize in layers]


def _create(name: str, **options: Any) -> nn.Module:
    import timm  # slow to import; only a discriminator needs it

    return timm.create_model(name, pretrained=False, **options)


def load_weights(network: nn.Module, source: WeightFile, where: str) -> None:
    """Fill a whole timm network from its file; on the meta device nothing is read.

    Raises:
        InputError: the file can't be read, is another one than named, or holds another network.
    """
    if next(network.parameters()).is_meta:
        return
    found = sha256_file(source.file)
    if not found.startswith(source.sha256):
        raise InputError(f"{where}: {source.file}: found sha256 {found}, expected {source.sha256}")
    state = _read(source, where)
    # Counts of batches have no use in evaluation mode, and old files lack them.
    expected = {key: value for key, value in network.state_dict().items() if not key.endswith(COUNTER)}
    state = {key: value for key, value in state.items() if not key.endswith(COUNTER)}
    wrong = sorted(
        set(state) ^ set(expected) or {key for key, value in expected.items() if state[key].shape != value.shape}
    )
    if wrong:
        raise InputError(
            f"{where}: {source.file}: found another network than timm's {type(network).__name__}, expected its state:"
            f" {len(wrong)} keys differ ({', '.join(wrong[:3])})"
        )
    network.load_state_dict(state, strict=False)


def _read(source: WeightFile, where: str) -> Mapping[str, torch.Tensor]:
    if source.file.suffix == ".safetensors":
        try:
            return load_file(source.file)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{where}: {source.file}: can't be read ({str(error).splitlines()[0]})") from None
    try:
        state = read_torch_file(source.file)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]  # the layout of the original DeiT release
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(
            f"{where}: {source.file}: found {type(state).__name__}, expected a mapping of names to tensors"
        )
    return state
