"""What a stopped training needs to go on: a directory a state, named by the images seen.

It holds the networks, their average, what the objective tracks and both optimisers as safetensors, the position and the
log's open sums as JSON, and a manifest with the SHA-256 of each of them. It is written under another name, synced to
the disk and renamed; the manifest tells a torn or altered one. No random states are in it: what is random is a function
of the seed and the position (`core.seeds`), so that any number of processes goes on from the same state.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from stylenat.core.errors import InputError
from stylenat.core.files import read_json, sha256_file, write_json
from stylenat.training.step import Trainer

MODULES = ("generator", "discriminator", "average", "objective")
OPTIMISERS = {"generator": "g_adam", "discriminator": "d_adam"}
MANIFEST, POSITION = "manifest.json", "position.json"


def save_state(trainer: Trainer, folder: Path, extra: Mapping[str, Any] | None = None) -> Path:
    """Write everything that decides the next step, and drop what the recipe does not keep; the state's directory.

    `extra` is plain data that `load_state` gives back.

    Raises:
        InputError: the state can't be written; those before it are kept.
    """
    path = folder / f"{trainer.nimg:012d}"
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=folder))
        _write(trainer, temporary, extra or {})
        if path.exists():  # a torn one: a whole one would have been gone on from
            _remove(path)
        os.rename(temporary, path)
        _sync(folder)
        _prune(trainer, folder, path)
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise InputError(f"{path}: the state can't be written ({error.strerror}); those before it are kept") from None
    return path


def _write(trainer: Trainer, folder: Path, extra: Mapping[str, Any]) -> None:
    for name in MODULES:
        _write_tensors(getattr(trainer, name).state_dict(), folder / f"{name}.safetensors")
    for part, name in OPTIMISERS.items():
        _write_tensors(_moments(trainer, part), folder / f"{name}.safetensors")
    write_json(folder / POSITION, {"nimg": trainer.nimg, "step": trainer.step, "extra": dict(extra)})
    write_json(folder / MANIFEST, {path.name: sha256_file(path) for path in sorted(folder.iterdir())})
    folder.chmod(0o777 & ~_umask())
    _sync(folder)


def _write_tensors(state: Mapping[str, Tensor], path: Path) -> None:
    content = bytes_of({name: value.detach().cpu().contiguous() for name, value in state.items()})
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    """Remove a directory; killed half-way, it has no state's name any more."""
    doomed = path.with_name(f".{path.name}.old.tmp")
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def _prune(trainer: Trainer, folder: Path, newest: Path) -> None:
    """Keep the newest states up to `newest` and those for ever; later ones were torn, temporaries left by a kill."""
    card = trainer.card
    good = [path for path in _states(folder) if path.name <= newest.name]
    kept = good[-card.keep_states :]
    if card.keep_every_nimg is not None:
        kept += [path for path in good if int(path.name) % card.keep_every_nimg < card.batch_size]
    for path in _states(folder):
        if path not in kept:
            _remove(path)
    for left in folder.glob(".*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def _states(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdigit())


def load_state(trainer: Trainer, folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Put the trainer at the newest valid state; its directory and extra data. Torn ones are skipped with a warning.

    The group's first process chooses the state for all: others may see a shared file system later.

    Raises:
        InputError: the state is whole, but of other networks or optimisers.
    """
    name = trainer.group.agree(newest_valid(folder) if trainer.group.first else None)
    if name is None:
        return None, {}
    path = folder / name
    try:
        return path, _load(trainer, path)
    except (KeyError, RuntimeError, ValueError, SafetensorError):
        fault = "a whole state, but of other networks or optimisers than the code has now"
        raise InputError(f"{path}: {fault}; remove {folder} to start over") from None


def newest_valid(folder: Path) -> str | None:
    """The name of the newest state that is whole, if any; others are named on stderr."""
    for path in reversed(_states(folder)):
        reason = _fault(path)
        if reason is None:
            return path.name
        print(f"{path}: torn or altered ({reason}); an older state is tried", file=sys.stderr)
    return None


def _fault(path: Path) -> str | None:
    """What is wrong with a state's files, if anything."""
    try:
        listed = read_json(path / MANIFEST)
        if not isinstance(listed, dict) or set(listed) != {p.name for p in path.iterdir()} - {MANIFEST}:
            return "its files are not those of its manifest"
        wrong = [name for name, digest in listed.items() if sha256_file(path / name) != digest]
    except InputError as error:
        return str(error).removeprefix(f"{path}/")
    except OSError as error:
        return str(error.strerror)
    return f"{wrong[0]} has other bytes than its manifest says" if wrong else None


def _load(trainer: Trainer, path: Path) -> dict[str, Any]:
    read = lambda name: tensors_of((path / f"{name}.safetensors").read_bytes())  # noqa: E731
    position = read_json(path / POSITION)
    for name in MODULES:
        getattr(trainer, name).load_state_dict(read(name))
    for part, name in OPTIMISERS.items():
        _set_moments(trainer, part, read(name))
    trainer.nimg, trainer.step = position["nimg"], position["step"]
    return position["extra"]


def _named(trainer: Trainer, part: Any) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters that an optimiser moves, with their names."""
    learned = {id(p) for p in trainer.learned[part]}
    return [(name, p) for name, p in getattr(trainer, part).named_parameters() if id(p) in learned]


def _moments(trainer: Trainer, part: Any) -> dict[str, Tensor]:
    """Adam's step and moments by parameter; a parameter that never had a gradient has none."""
    state = trainer.adam(part).state
    return {f"{key}:{name}": state[p][key] for name, p in _named(trainer, part) for key in sorted(state.get(p, {}))}


def _set_moments(trainer: Trainer, part: Any, found: dict[str, Tensor]) -> None:
    adam = trainer.adam(part)
    adam.state.clear()
    for name, parameter in _named(trainer, part):
        keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}:{name}" in found]
        if keys:
            adam.state[parameter] = {key: _like(parameter, key, found.pop(f"{key}:{name}")) for key in keys}
    if found:
        raise ValueError(f"moments of unknown parameters, {min(found)} among them")


def _like(parameter: Tensor, key: str, value: Tensor) -> Tensor:
    """A moment in its parameter's memory format, which the fused step relies on; the step count on its device."""
    if key == "step":
        return value.to(parameter.device)
    if value.shape != parameter.shape:
        raise ValueError(f"found {tuple(value.shape)}, expected {tuple(parameter.shape)}")
    return torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)
