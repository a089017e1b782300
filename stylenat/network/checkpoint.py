"""Official StyleNAT checkpoints as states of this project's networks.

Two layouts exist. The released FFHQ files hold `g`, `d` and `g_ema` at the top beside an argparse Namespace; later ones
hold them under `state_dicts`, with NumPy scalars in `eval_info`. Files of the first layout may name the bias tables
rpb0 and rpb1 where the network now has a list, and split in two what is one table where a level has one partition.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenat.checkpoints.accept import Shapes, without_prefix
from stylenat.checkpoints.entries import import_entry
from stylenat.core.interface import Part
from stylenat.network.checkpoint_arguments import check_arguments
from stylenat.network.checkpoint_buffers import RULES
from stylenat.network.config import parse_arch
from stylenat.network.discriminator import Discriminator
from stylenat.network.generator import Generator

LEGACY_BIAS = re.compile(r"^(.*\.attn\.)rpb([0-9]+)$")
LISTED_BIAS = re.compile(r"^.*\.attn\.rpb\.[0-9]+$")


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state dict of one network of ours from an official file; the generator's EMA copy is preferred.

    It is an `Imported`: what was found in the file, and what became of it, comes along.

    Raises:
        InputError: the file can't be read without running code, holds no such network, or holds another one.
    """
    config = parse_arch(arch)
    build = Generator if part == "generator" else Discriminator
    check = partial(check_arguments, arch=config, part=part, path=path)
    imported, entry = import_entry(path, part, lambda: build(arch), check, RULES, _rename)
    imported.found["bias_tables"] = _bias_tables(entry.state)
    return imported


def _bias_tables(state: Mapping[Any, Any]) -> str | None:
    """Which naming of the bias tables a state has; None for a network without."""
    names = [name for name in state if isinstance(name, str)]
    if any(LEGACY_BIAS.match(name) for name in names):
        return "rpb0, rpb1"
    return "list" if any(LISTED_BIAS.match(name) for name in names) else None


def _rename(state: Mapping[str, Tensor], expected: Shapes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors under this network's names, and that name for each official one.

    Legacy bias tables are joined along the heads where the network has one partition.
    """
    bare, names = without_prefix(state, expected)
    tensors, renamed = {}, {}
    for name in sorted(bare):
        legacy, value, ours = LEGACY_BIAS.match(name), bare[name], name
        if legacy is not None:
            listed, first = f"{legacy[1]}rpb.{legacy[2]}", f"{legacy[1]}rpb.0"
            joinable = first in tensors and tensors[first].ndim == 3 and tensors[first].shape[1:] == value.shape[1:]
            if listed not in bare:
                ours = listed
            if listed not in expected and first not in bare and joinable:
                ours, value = first, torch.cat([tensors[first], value])
        tensors[ours], renamed[name] = value, ours
    return tensors, {official: renamed[name] for official, name in names.items()}
