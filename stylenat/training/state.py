"""What a stopped training needs to go on.

A state is one file `<nimg>.pt` with its SHA-256 beside it, written last: a state without the right hash is torn.
"""

import hashlib
import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_file, write_text
from stylenat.training.step import Trainer

KEPT_STATES = 2
PARTS = ("generator", "discriminator", "average", "objective", "g_adam", "d_adam")
_LOAD_ERRORS = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)


def save_state(trainer: Trainer, folder: Path) -> Path:
    """Write everything that decides the next step; only it and the state before it are kept.

    Raises:
        InputError: the state can't be written; those before it are kept.
    """
    content = {name: getattr(trainer, name).state_dict() for name in PARTS}
    content |= {"nimg": trainer.nimg, "step": trainer.step}
    path = folder / f"{trainer.nimg:012d}.pt"
    buffer = io.BytesIO()  # torch's own writer hides a full disk behind a RuntimeError
    torch.save(content, buffer)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(buffer.getbuffer())
        write_text(_hash_path(path), hashlib.sha256(buffer.getbuffer()).hexdigest() + "\n")
    except OSError as error:
        raise InputError(f"{path}: the state can't be written ({error.strerror}); those before it are kept") from None
    _prune(folder, path)
    return path


def _prune(folder: Path, newest: Path) -> None:
    """Keep the last two states up to `newest`: later ones were torn, temporaries are a killed run's."""
    states = sorted(folder.glob("*.pt"))
    kept = [path for path in states if path.name <= newest.name][-KEPT_STATES:]
    for path in states:
        if path not in kept:
            _hash_path(path).unlink(missing_ok=True)
            path.unlink()
    for left in folder.glob(".*.tmp"):
        left.unlink()


def load_state(trainer: Trainer, folder: Path) -> Path | None:
    """Put the trainer at the newest valid state; torn ones are skipped with a line on stderr. None: there is none.

    Raises:
        InputError: the state is whole, but of other networks or optimisers.
    """
    for path in sorted(folder.glob("*.pt"), reverse=True):
        content = _read(path)
        if content is None:
            print(f"{path}: torn or altered; an older state is tried", file=sys.stderr)
            continue
        try:
            for name in PARTS:
                getattr(trainer, name).load_state_dict(content[name])
            trainer.nimg, trainer.step = content["nimg"], content["step"]
        except (KeyError, RuntimeError, ValueError):
            fault = "a whole state, but of other networks or optimisers than the code has now"
            raise InputError(f"{path}: {fault}; remove {folder} to start over") from None
        return path
    return None


def _hash_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _read(path: Path) -> dict[str, Any] | None:
    note = _hash_path(path)
    if not note.is_file() or note.read_bytes().strip() != sha256_file(path).encode():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS:
        return None
