"""Official StyleNAT checkpoints as states of this project's networks.

Two layouts exist. The released FFHQ files hold `g`, `d` and `g_ema` at the top beside an argparse Namespace; later ones
hold them under `state_dicts`, with NumPy scalars in `eval_info`. Files of the first layout may name the bias tables
rpb0 and rpb1 where the network now has a list, and split in two what is one table where a level has one partition.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.core.snapshot import Imported
from stylenat.network.checkpoint_arguments import check_arguments, plain
from stylenat.network.checkpoint_buffers import drop_buffers
from stylenat.network.checkpoint_file import SHOWN_KEYS, read_entry
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
    entry = read_entry(path, part)
    arguments = plain(entry.arguments)
    equal = check_arguments(arguments, parse_arch(arch), part, path)
    with torch.device("meta"):
        network: nn.Module = Generator(arch) if part == "generator" else Discriminator(arch)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    foreign = [str(name) for name, value in entry.state.items() if not _is_dense(value)]
    if foreign:
        raise InputError(f"{path}: the {part} is no state of tensors: {_clause('of another type', foreign)}")
    tensors, names = _rename({str(name): value for name, value in entry.state.items()}, expected)
    kept, buffers = drop_buffers(tensors, path)
    found = {
        "layout": entry.layout,
        "bias_tables": _bias_tables(entry.state),
        "entry": entry.name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "renamed": {official: name for official, name in names.items() if official != name},
        "buffers_dropped": buffers,
        "arguments": arguments,
        "arguments_equal_to_card": equal,
    }
    return Imported(_accept(kept, expected, path), found)


def _is_dense(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.is_quantized:
        return False
    return value.layout is torch.strided and value.device.type == "cpu"


def _bias_tables(names: Mapping[str, Any]) -> str | None:
    """Which naming of the bias tables a state has; None for a network without."""
    bare = [str(name) for name in names]
    if any(LEGACY_BIAS.match(name) for name in bare):
        return "rpb0, rpb1"
    return "list" if any(LISTED_BIAS.match(name) for name in bare) else None


def _rename(
    state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors under this network's names, and that name for each official one.

    Legacy bias tables are joined along the heads where the network has one partition.
    """
    tensors: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    for official in sorted(state):
        name, value = official.removeprefix("module."), state[official]
        legacy = LEGACY_BIAS.match(name)
        if legacy is not None:
            name, first = f"{legacy[1]}rpb.{legacy[2]}", f"{legacy[1]}rpb.0"
            joinable = first in tensors and tensors[first].ndim == 3 and tensors[first].shape[1:] == value.shape[1:]
            if name not in expected and joinable:
                name, value = first, torch.cat([tensors[first], value])
        tensors[name], names[official] = value, name
    return tensors, names


def _accept(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], path: Path) -> dict[str, Tensor]:
    """The tensors that the network takes; any key left over, missing or of another shape raises InputError."""
    faults = {
        "unknown": [name for name in state if name not in expected],
        "missing": [name for name in expected if name not in state],
        "of another shape": [
            f"{name} {tuple(state[name].shape)}, expected {shape}"
            for name, shape in expected.items()
            if name in state and tuple(state[name].shape) != shape
        ],
    }
    clauses = [_clause(fault, names) for fault, names in faults.items() if names]
    if clauses:
        raise InputError(f"{path}: holds another network: {'; '.join(clauses)}")
    return {name: value.detach().clone() for name, value in state.items()}


def _clause(fault: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"{len(names)} {fault} ({', '.join(names[:SHOWN_KEYS])}{more})"
