"""Official StyleGAN-XL generators as states of this project's: names are the same, but for filters computed here.

Which configuration the released networks have is not known. A file of another one than the card's is refused with the
layers that it holds, which tell it. The discriminator's names in such files are not known either: it isn't imported.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from baselines.stylegan_xl.config import Arch, parse_arch
from baselines.stylegan_xl.generator import Generator
from baselines.stylegan_xl.synthesis import TAPS_PER_STEP
from baselines.stylegan_xl.table import Layer, layers
from stylenat.checkpoints.accept import Rule
from stylenat.checkpoints.nvidia import read_network, take_network
from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.nn.filtered_lrelu import lowpass_taps

LAYER = re.compile(r"synthesis\.(L\d{1,4}_\d{1,5}_\d{1,5})\.weight")
TRANSFORM = re.compile(r"synthesis\.input\.transform")
ARGUMENTS = {
    "kwargs.img_resolution": "resolution",
    "kwargs.z_dim": "z_dim",
    "kwargs.w_dim": "w_dim",
    "kwargs.mapping_kwargs.num_layers": "mapping_layers",
}


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state dict of the generator from an official file; its EMA copy is preferred.

    Raises:
        InputError: the file can't be read without running code, or holds another generator; or the discriminator is
            asked for.
    """
    if part == "discriminator":
        raise InputError(
            f"{path}: a StyleGAN-XL discriminator can't be imported: its names in such files are not known"
        )
    config = parse_arch(arch)
    name, held = read_network(path, part)
    _check_layers(held.state, config, path)
    with torch.device("meta"):
        network = Generator(config)
    return take_network(name, held, network, path, part, _rules(config), ARGUMENTS, config)


def _check_layers(state: Mapping[str, Tensor], config: Arch, path: Path) -> None:
    found = [match[1] for match in map(LAYER.fullmatch, state) if match]
    expected = [layer.name for layer in layers(config)]
    if found != expected:
        count = sum(value.numel() for name, value in state.items() if name.endswith((".weight", ".bias")))
        told = f"{len(found)} layers ({_in_short(found)}) and {count:,} parameters"
        raise InputError(
            f"{path}: another configuration: found {told}, expected {len(expected)} layers ({_in_short(expected)})"
        )


def _in_short(names: list[str]) -> str:
    return " ".join(names) if len(names) <= 40 else f"{' '.join(names[:40])} ..."


def _rules(config: Arch) -> tuple[Rule, ...]:
    filtered = {layer.name: layer for layer in layers(config) if not layer.rgb}
    pattern = re.compile(rf"synthesis\.({'|'.join(filtered)})\.(up|down)_filter")
    return (
        Rule(pattern, "filter", lambda found: filter_of(filtered[found[1]], found[2])),
        Rule(TRANSFORM, "placement of the input", lambda _: torch.eye(3, device="cpu")),
    )


def filter_of(layer: Layer, side: str) -> Tensor:
    """The taps of a layer's filter, `up` or `down`."""
    point, rate = layer.source if side == "up" else layer.target, layer.internal_rate
    return lowpass_taps(TAPS_PER_STEP * (rate // point.rate), point.cutoff, 2 * point.half_width, rate)
