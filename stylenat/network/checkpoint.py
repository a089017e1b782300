"""Official StyleNAT checkpoints, read without running code from the file.

Two layouts exist. The released FFHQ files hold `g`, `d` and `g_ema` at the top beside an argparse Namespace; later ones
hold them under `state_dicts`, with NumPy scalars in `eval_info`. Files of the first layout may name the bias tables
rpb0 and rpb1 where the network now has a list, and split in two what is one table where a level has one partition.
"""

import argparse
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stylenat.attention.hydra import relative_position_index
from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.network.config import BASE_PX
from stylenat.network.discriminator import Discriminator
from stylenat.network.generator import Generator

# Every class that official files hold besides tensors and plain values, one by one.
ALLOWED = [argparse.Namespace, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType]
SCALAR, OLD_SCALAR = np._core.multiarray.scalar, "numpy.core.multiarray.scalar"  # as older NumPy named it
REFUSED = re.compile(r"[Uu]nsupported (?:global: )?GLOBAL ([\w.]*\w)")
# What torch's reader lets through of a torn or foreign file's bytes.
UNREADABLE = (pickle.UnpicklingError, struct.error, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError)
UNREADABLE += (AttributeError, AssertionError)
ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("g_ema", "g"), "discriminator": ("d",)}
LEGACY_BIAS = re.compile(r"^(.*\.attn\.)rpb([0-9]+)$")
# Buffers that follow from the architecture; the index is compared with ours before it is dropped.
RECOMPUTED = re.compile(
    r"layers\.0\.blocks\.[01]\.attn\.relative_position_index"
    r"|layers\.\d+\.upsample\.sin_pos_embed\._float_tensor"
    r"|to_rgbs\.\d+\.upsample\.kernel|from_rgbs\.\d+\.downsample\.kernel|convs\.\d+\.conv2\.0\.kernel"
    r"|(from_rgbs\.\d+\.)?(dwt|iwt)\.(ll|lh|hl|hh)"
)
SHOWN_KEYS = 5


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state dict of one network of ours from an official file; the generator's EMA copy is preferred.

    Raises:
        InputError: the file can't be read without running code, holds no such network, or holds another one.
    """
    content = read_file(path)
    states = content if isinstance(content, dict) else {}
    states = states["state_dicts"] if isinstance(states.get("state_dicts"), dict) else states
    names = ENTRIES[part]
    found = next((states[name] for name in names if isinstance(states.get(name), dict)), None)
    if found is None:
        held = ", ".join(sorted(map(str, states))[:SHOWN_KEYS]) or "nothing"
        raise InputError(f"{path}: no {part} here: found {held}, expected {' or '.join(names)}")
    with torch.device("meta"):
        network: nn.Module = Generator(arch) if part == "generator" else Discriminator(arch)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    state = {str(name).removeprefix("module."): value for name, value in found.items()}
    foreign = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if foreign:
        raise InputError(f"{path}: the {part} is no state of tensors: {_clause('of another type', foreign)}")
    _check_index(state, path)
    return _accept(_rename_biases(state, expected), expected, path)


def read_file(path: Path) -> Any:
    """Everything in a torch file, with only the allowed classes; anything else raises InputError with its name."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([*ALLOWED, SCALAR, (SCALAR, OLD_SCALAR)]):
            warnings.simplefilter("ignore", UserWarning)  # torch's advice to its own users on odd files
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UNREADABLE as error:
        named = REFUSED.search(str(error))
        if named:
            raise InputError(f"{path}: refused: the file names '{named[1]}', which no such checkpoint needs") from None
        raise InputError(f"{path}: not a readable torch checkpoint") from None


def _check_index(state: Mapping[str, Any], path: Path) -> None:
    for name, value in state.items():
        if not name.endswith(".relative_position_index"):
            continue
        ours = relative_position_index(BASE_PX)
        if value.shape != ours.shape or not (value == ours).all():
            raise InputError(f"{path}: {name} differs from this network's: another layout of the position bias")


def _rename_biases(state: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Legacy bias tables under their new names; joined along the heads where the network has one partition."""
    renamed: dict[str, Any] = {}
    for name in sorted(state):
        legacy = LEGACY_BIAS.match(name)
        if legacy is None:
            renamed[name] = state[name]
            continue
        target = f"{legacy[1]}rpb.{legacy[2]}"
        first = f"{legacy[1]}rpb.0"
        joinable = first in renamed and renamed[first].ndim == 3 and renamed[first].shape[1:] == state[name].shape[1:]
        if target not in expected and joinable:
            renamed[first] = torch.cat([renamed[first], state[name]])
        else:
            renamed[target] = state[name]
    return renamed


def _accept(state: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]], path: Path) -> dict[str, Tensor]:
    """The tensors that the network takes; any key left over, missing or of another shape raises InputError."""
    kept = {name: value for name, value in state.items() if name in expected or not RECOMPUTED.fullmatch(name)}
    faults = {
        "unknown": [name for name in kept if name not in expected],
        "missing": [name for name in expected if name not in kept],
        "of another shape": [
            f"{name} {tuple(kept[name].shape)}, expected {shape}"
            for name, shape in expected.items()
            if name in kept and tuple(kept[name].shape) != shape
        ],
    }
    clauses = [_clause(fault, names) for fault, names in faults.items() if names]
    if clauses:
        raise InputError(f"{path}: holds another network: {'; '.join(clauses)}")
    return {name: value.detach().clone() for name, value in kept.items()}


def _clause(fault: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"{len(names)} {fault} ({', '.join(names[:SHOWN_KEYS])}{more})"
