"""Official StyleSwin checkpoints as states of this project's networks.

A file holds `g`, `d` and `g_ema` beside an argparse Namespace. Names are the official ones, but that a mixer's parts
lie together in `attn` here. The region masks, most of a file at 1024 px, follow from the architecture.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from baselines.styleswin.attention import HIDDEN, hidden_regions, relative_position_index
from baselines.styleswin.config import Arch, parse_arch
from baselines.styleswin.discriminator import Discriminator
from baselines.styleswin.generator import Generator
from stylenat.checkpoints import skeleton
from stylenat.checkpoints.accept import Rule, Shapes, without_prefix
from stylenat.checkpoints.arguments import compare_arguments
from stylenat.checkpoints.entries import import_entry
from stylenat.core.interface import Part
from stylenat.nn.skeleton.config import resolution_of

PROJECTION = re.compile(r"^(layers\.\d+\.blocks\.[01]\.)((?:qkv|proj)\.\w+)$")
TABLE = re.compile(r"^(layers\.\d+\.blocks\.[01]\.attn)\.([01])\.relative_position_bias_table$")
INDEX = re.compile(r"layers\.(\d+)\.blocks\.[01]\.attn\.[01]\.relative_position_index")
MASK = re.compile(r"layers\.(\d+)\.blocks\.[01]\.attn_mask2")


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state dict of one network of ours from an official file; the generator's EMA copy is preferred.

    It is an `Imported`: what was found in the file, and what became of it, comes along.

    Raises:
        InputError: the file can't be read without running code, holds no such network, or holds another one.
    """
    config = parse_arch(arch)
    build = Generator if part == "generator" else Discriminator
    check = partial(compare_arguments, names={"size": "resolution"}, arch=config, path=path)
    return import_entry(path, part, lambda: build(arch), check, _rules(config), _rename)[0]


def own_name(official: str) -> str:
    """This project's name of an official tensor."""
    return TABLE.sub(r"\1.relative_position_bias_table.\2", PROJECTION.sub(r"\1attn.\2", official))


def _rename(state: Mapping[str, Tensor], expected: Shapes) -> tuple[dict[str, Tensor], dict[str, str]]:
    bare, names = without_prefix(state, expected)
    renamed = {name: own_name(name) if own_name(name) not in bare else name for name in bare}
    tensors = {renamed[name]: value for name, value in bare.items()}
    return tensors, {official: renamed[name] for official, name in names.items()}


def _rules(config: Arch) -> tuple[Rule, ...]:
    def index(found: re.Match[str]) -> Tensor:
        return relative_position_index(_window(config, found))

    def mask(found: re.Match[str]) -> Tensor:
        side = min(resolution_of(int(found[1])), config.resolution)
        return region_mask(side, _window(config, found))

    layout = Rule(INDEX, "layout of the position bias", index)
    return (layout, Rule(MASK, "mask of the shifted windows", mask), *skeleton.RULES)


def _window(config: Arch, found: re.Match[str]) -> int:
    return config.window(min(int(found[1]), config.levels - 1))


def region_mask(side: int, window: int) -> Tensor:
    """What is added to the logits of each shifted window, row by row: (windows, T, T), 0 or -100."""
    count, hidden_2TT = side // window, hidden_regions(window)
    last = (torch.arange(count, device="cpu") == count - 1).float()
    along_y = last[:, None, None, None] * hidden_2TT[0]
    along_x = last[None, :, None, None] * hidden_2TT[1]
    return (torch.maximum(along_y, along_x) * HIDDEN).flatten(0, 1)
