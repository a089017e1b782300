"""What a stopped training needs to go on, and the snapshot that is used.

A state is one file `<nimg>.pt` with its SHA-256 beside it, written last: a state without the right hash is torn.
"""

import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from stylenat.core.files import atomic_path, sha256_file, write_text
from stylenat.training.step import Trainer

KEPT_STATES = 2
PARTS = ("generator", "discriminator", "average", "g_adam", "d_adam")
_LOAD_ERRORS = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)


def save_state(trainer: Trainer, folder: Path) -> Path:
    """Write everything that decides the next step; older states beyond the last two are removed."""
    content = {name: getattr(trainer, name).state_dict() for name in PARTS}
    content |= {"nimg": trainer.nimg, "step": trainer.step}
    path = folder / f"{trainer.nimg:012d}.pt"
    with atomic_path(path) as temporary:
        torch.save(content, temporary)
        digest = sha256_file(temporary)
    write_text(_hash_path(path), digest + "\n")
    for old in sorted(folder.glob("*.pt"))[:-KEPT_STATES]:
        _hash_path(old).unlink(missing_ok=True)
        old.unlink()
    return path


def load_state(trainer: Trainer, folder: Path) -> Path | None:
    """Put the trainer at the newest valid state; torn ones are skipped with a line on stderr. None: there is none."""
    for path in sorted(folder.glob("*.pt"), reverse=True):
        content = _read(path)
        if content is None:
            print(f"{path}: torn or altered; an older state is tried", file=sys.stderr)
            continue
        for name in PARTS:
            getattr(trainer, name).load_state_dict(content[name])
        trainer.nimg, trainer.step = content["nimg"], content["step"]
        return path
    return None


def _hash_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _read(path: Path) -> dict[str, Any] | None:
    note = _hash_path(path)
    if not note.is_file() or note.read_text(encoding="utf-8").strip() != sha256_file(path):
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS:
        return None


def write_snapshot(network: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write a network's state as safetensors, atomically, with what it is."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata=metadata)
