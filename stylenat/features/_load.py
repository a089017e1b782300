"""What both extractors share: checked weights, and libraries kept quiet."""

import pickle
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stylenat.core.errors import InputError
from stylenat.features.random_inception import expected_state

_LOAD_ERRORS = (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile)


def check_weights(path: Path) -> None:
    """Refuse a weights file that is not the state of the 2015-12-05 Inception-v3.

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
        raise InputError(f"{path}: found {type(state).__name__}, expected a state dict of Inception-v3")
    expected = expected_state()
    found = {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
    wrong = [name for name, value in expected.items() if found.get(name) != tuple(value.shape)]
    wrong += [name for name in found if name not in expected]
    if wrong:
        raise InputError(
            f"{path}: not the 2015-12-05 Inception-v3: {len(wrong)} tensors are missing, surplus or of another shape,"
            f" the first is '{wrong[0]}'"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence a library's warnings for the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
