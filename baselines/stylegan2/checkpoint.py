"""Official StyleGAN2 checkpoints: their keys are this project's, but for filters that are computed here.

`mapping.w_avg` and every `noise_const` are part of the state and are loaded.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenat.core.errors import InputError
from stylenat.core.interface import Part
from stylenat.nn.resample import fir_kernel

ENTRIES: dict[Part, tuple[str, ...]] = {"generator": ("G_ema", "G"), "discriminator": ("D",)}  # the first is preferred
COMPUTED = re.compile(r"(?:synthesis\.)?b\d+\.(?:\w+\.)?resample_filter")


def computed_buffer(key: str) -> Tensor | None:
    """What an official buffer that follows from the architecture holds; None for what is loaded."""
    return fir_kernel()[0, 0] if COMPUTED.fullmatch(key) else None


def import_checkpoint(path: Path, arch: Mapping[str, Any], part: Part = "generator") -> dict[str, Tensor]:
    """The state of one network from an official file.

    Raises:
        InputError: such files can't be read yet.
    """
    raise InputError(f"{path}: StyleGAN2 checkpoints can't be imported yet")
