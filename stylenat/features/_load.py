"""What all extractors share: checked weights, and libraries kept quiet."""

import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from stylenat.core.errors import InputError

# What torch's reader lets through of a torn or foreign file's bytes.
_LOAD_ERRORS = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, OSError, RuntimeError, EOFError, ValueError)
_LOAD_ERRORS += (LookupError, TypeError, AttributeError, AssertionError)


def check_weights(path: Path, expected: Mapping[str, torch.Tensor], network: str) -> dict[str, torch.Tensor]:
    """The state in a weights file, which must have the names and shapes of `expected`, the state of `network`.

    The libraries unpickle the file freely afterwards; this reads it as plain tensors first.

    Raises:
        InputError: the file can't be read as tensors, or names and shapes differ.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: not a readable file of detector weights ({reason})") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: found {type(state).__name__}, expected a state dict of {network}")
    found = {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
    wrong = [name for name, value in expected.items() if found.get(name) != tuple(value.shape)]
    wrong += [name for name in found if name not in expected]
    if wrong:
        raise InputError(
            f"{path}: not {network}: {len(wrong)} tensors are missing, surplus or of another shape, the first is"
            f" '{wrong[0]}'"
        )
    return state


@contextmanager
def quiet() -> Iterator[None]:
    """Silence a library's warnings for the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
