"""Files of torch.save opened without running code from them: tensors, plain values, and a short list of classes."""

import argparse
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from stylenat.core.errors import InputError

# Every class that official files hold besides tensors and plain values, one by one.
ALLOWED = [argparse.Namespace, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType]
SCALAR, OLD_SCALAR = np._core.multiarray.scalar, "numpy.core.multiarray.scalar"  # as older NumPy named it
REFUSED = re.compile(r"[Uu]nsupported (?:global: )?GLOBAL ([\w.]*\w)")
# What torch's reader lets through of a torn or foreign file's bytes.
UNREADABLE = (pickle.UnpicklingError, struct.error, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError)
UNREADABLE += (AttributeError, AssertionError, MemoryError, OverflowError)


def read_torch_file(path: Path) -> Any:
    """Everything in a torch file, with only the allowed classes; anything else raises InputError with its name."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        packed = zipfile.is_zipfile(path) and _is_packed(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InputError(f"{path}: not a readable torch checkpoint") from None
    if packed:  # torch.save stores as is; a small packed file may unfold to any size
        raise InputError(f"{path}: not a readable torch checkpoint: found compressed entries, expected stored ones")
    return load_restricted(path, str(path), "torch checkpoint", [*ALLOWED, SCALAR, (SCALAR, OLD_SCALAR)])


def load_restricted(source: Path | IO[bytes], label: str, what: str, allowed: Sequence[Any] = ()) -> Any:
    """What torch's restricted reader makes of a file, on the CPU.

    Raises:
        InputError: it names a class that is neither torch's own nor allowed, or is not readable; begins with `label`.
    """
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            warnings.simplefilter("ignore", UserWarning)  # torch's advice to its own users on odd files
            return torch.load(source, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        named = REFUSED.search(str(error))
        if named:
            raise InputError(f"{label}: refused: the file names '{named[1]}', which no such checkpoint needs") from None
        raise InputError(f"{label}: not a readable {what}") from None


def _is_packed(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
