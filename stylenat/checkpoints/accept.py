"""From a foreign state to the one of a network here, with an account of every key.

A key is loaded under its own name or another one, dropped as a buffer that this network computes, or named in the one
line that refuses the file. Nothing is left over in silence.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stylenat.checkpoints.plain import key_text, shown
from stylenat.core.errors import InputError
from stylenat.core.interface import Part

SHOWN_KEYS = 5
TOLERANCE = 1e-3  # other filters differ by more than 1e-2, halved precision by less than 1e-4

Shapes = Mapping[str, tuple[int, ...]]
# Foreign tensors and this network's shapes to tensors under new names, and the new name of each foreign one.
Renaming = Callable[[Mapping[str, Tensor], Shapes], tuple[dict[str, Tensor], dict[str, str]]]


class Rule(NamedTuple):
    """Buffers that a network computes itself: what they are, and what they must hold for it to be the same network."""

    pattern: re.Pattern[str]  # of the whole name
    what: str
    expected: Callable[[re.Match[str]], Tensor] | None  # None: has no effect, whatever it holds
    tolerance: float = TOLERANCE


def take_state(
    raw: Mapping[Any, Any],
    network: nn.Module,
    path: Path,
    part: Part,
    rules: Sequence[Rule] = (),
    rename: Renaming | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict of `network` (which may be on meta) from a foreign one, and what became of its keys, for the card.

    Raises:
        InputError: an entry is no dense tensor, or is unknown, missing, of another shape or of other content.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    tensors, names = (rename or without_prefix)(dense_tensors(raw, path, part), expected)
    kept, dropped = drop_buffers(tensors, rules, path)
    found = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "renamed": {foreign: name for foreign, name in names.items() if foreign != name},
        "buffers_dropped": dropped,
    }
    return accept(kept, expected, path), found


def dense_tensors(raw: Mapping[Any, Any], path: Path, part: Part) -> dict[str, Tensor]:
    """A foreign state, all of whose entries are tensors that lie in memory of their own size."""
    foreign = [key_text(key) for key, value in raw.items() if not _is_dense(value)]
    if foreign:
        raise InputError(f"{path}: the {part} is no state of tensors: {_clause('of another type', foreign)}")
    names = {key_text(key): value for key, value in raw.items()}
    if len(names) < len(raw):
        raise InputError(f"{path}: the {part} has {len(raw) - len(names)} names twice, expected each once")
    return names


def without_prefix(state: Mapping[str, Tensor], _: Shapes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Names as they are, but for the prefix of networks saved as they were trained on several devices."""
    names = {}
    for foreign in state:
        bare = foreign.removeprefix("module.")
        names[foreign] = foreign if bare in state else bare  # never two under one name
    return {names[foreign]: value for foreign, value in state.items()}, names


def drop_buffers(
    state: Mapping[str, Tensor], rules: Sequence[Rule], path: Path
) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """The state without recomputed buffers, and their names: those compared and found equal, those without effect.

    Raises:
        InputError: a buffer has other content than this network computes.
    """
    kept: dict[str, Tensor] = {}
    dropped: dict[str, list[str]] = {"equal_to_ours": [], "without_effect": []}
    for name, value in state.items():
        rule, match = next(((rule, hit) for rule in rules if (hit := rule.pattern.fullmatch(name))), (None, None))
        if rule is None or match is None:
            kept[name] = value
        elif rule.expected is None:
            dropped["without_effect"].append(name)
        elif _is_close(value, rule.expected(match), rule.tolerance):
            dropped["equal_to_ours"].append(name)
        else:
            raise InputError(f"{path}: {shown(name)} differs from this network's: another {rule.what}")
    return kept, {why: sorted(names) for why, names in dropped.items()}


def accept(state: Mapping[str, Tensor], expected: Shapes, path: Path) -> dict[str, Tensor]:
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
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in state.items()}


def _is_dense(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.is_quantized or value.is_complex():
        return False
    if value.layout is not torch.strided or value.device.type != "cpu":
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()  # an expanded one may be endless


def _is_close(value: Tensor, ours: Tensor, tolerance: float) -> bool:
    return value.shape == ours.shape and torch.allclose(value.double(), ours.double(), rtol=0, atol=tolerance)


def _clause(fault: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"{len(names)} {fault} ({', '.join(shown(name) for name in names[:SHOWN_KEYS])}{more})"
