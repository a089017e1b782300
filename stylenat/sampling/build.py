"""A model card and its weights become a generator."""

from pathlib import Path

import torch

from stylenat.core.cards import ModelCard
from stylenat.core.errors import InputError
from stylenat.core.registry import load_family
from stylenat.core.snapshot import read_snapshot

SHOWN_KEYS = 3


def build_generator(model: ModelCard, weights: Path | None) -> torch.nn.Module:
    """A model's generator on the CPU, in evaluation mode.

    `weights` is a safetensors snapshot, for a control the manifest of its prepared set; None leaves the
    initialisation's random numbers.

    Raises:
        InputError: the model has no family, or the snapshot is another network's.
    """
    if model.family is None:
        raise InputError(f"model '{model.name}' has published numbers only: {model.weights.none}")
    arch = dict(model.arch)
    is_control = model.weights.dataset is not None
    if is_control and weights is not None:
        arch["images"] = str(weights)
    generator = load_family(model.family).build_generator(arch)
    if weights is not None and not is_control:
        _load(generator, model, Path(weights))
    return generator.eval()


def _load(generator: torch.nn.Module, model: ModelCard, path: Path) -> None:
    state = read_snapshot(path, model.name)
    _check(generator.state_dict(), state, path)
    generator.load_state_dict(state)


def _check(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor], path: Path) -> None:
    """Refuse a state of other names or shapes, in one line that names the first of them."""
    faults = {
        "missing": [name for name in expected if name not in found],
        "surplus": [name for name in found if name not in expected],
        "of another shape": [name for name in expected if name in found and expected[name].shape != found[name].shape],
    }
    clauses = []
    for fault, names in faults.items():
        if names:
            more = ", ..." if len(names) > SHOWN_KEYS else ""
            clauses.append(f"{len(names)} {fault} ({', '.join(names[:SHOWN_KEYS])}{more})")
    if clauses:
        raise InputError(f"{path}: holds another network: of {len(expected)} tensors {'; '.join(clauses)}")
