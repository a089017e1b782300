"""Official HiT checkpoints: there are none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenat.core.errors import InputError
from stylenat.core.interface import Part


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """Nothing: no file is known that could be read.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: no weights of HiT were ever published; expected a model card that trains the {part}")
