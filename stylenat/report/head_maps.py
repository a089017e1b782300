"""Maps of attention as stage `maps` leaves them: a folder a model. A fault in it becomes its `problem`.

Shape suffixes: map_NHW one map a head, image_HWC one picture.
"""

import json
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from stylenat.core.strict import Strict, parse
from stylenat.report.artifacts import UNREADABLE

FAULTS = (*UNREADABLE, EOFError, zipfile.BadZipFile, zlib.error, Image.DecompressionBombError)
KINDS = ("middle", "received")


class _Heads(Strict):
    kernel_sizes: list[int]
    dilations: list[int]


class _Described(Strict):
    """The file `maps.json`."""

    model: str
    weights_sha256: str
    seed: int
    index: int
    modules: dict[str, _Heads]


@dataclass(frozen=True)
class Module:
    """The maps of one attention module, a head each."""

    name: str
    kernel_sizes: list[int]
    dilations: list[int]
    middle_NHW: np.ndarray  # how much the position in the middle looks at each position
    received_NHW: np.ndarray  # how much each position gets from all, their mean

    @property
    def side(self) -> int:
        """Height of a map."""
        return self.middle_NHW.shape[1]

    @property
    def whole(self) -> bool:
        """Whether every position looks at the whole map."""
        return min(self.kernel_sizes) >= self.side


@dataclass(frozen=True)
class HeadMaps:
    """Where a model's heads look while it makes one image; or the problem with the maps."""

    modules: list[Module] = field(default_factory=list)  # the last of each size of map, smallest first
    image_HWC: np.ndarray | None = None
    seed: int = 0
    index: int = 0
    weights_sha256: str = ""
    problem: str = ""


def read_maps(folder: Path, shown: str, model: str) -> HeadMaps:
    """Read a model's maps; `shown` is the folder's name in messages."""
    if not folder.is_dir():
        return HeadMaps(problem=f"no maps yet: {shown} does not exist")
    try:
        described = _described(folder, shown)
        if described.model != model:
            return HeadMaps(problem=f"{shown} holds the maps of '{described.model}'")
        modules = _modules(folder, shown, described)
        with Image.open(folder / "image.png") as file:
            image_HWC = np.asarray(file.convert("RGB"))
    except FileNotFoundError as error:
        return HeadMaps(problem=f"{shown}: {Path(error.filename or '').name} is missing")
    except FAULTS as error:
        return HeadMaps(problem=f"{shown} can't be read: {' '.join(str(error).split())}")
    return HeadMaps(modules, image_HWC, described.seed, described.index, described.weights_sha256)


def _described(folder: Path, shown: str) -> _Described:
    found = json.loads((folder / "maps.json").read_text(encoding="utf-8"))
    return parse(found, _Described, f"{shown}/maps.json")


def _modules(folder: Path, shown: str, described: _Described) -> list[Module]:
    """The last module of each size of map: the others of its level stay in the folder."""
    last: dict[int, Module] = {}
    with open(folder / "maps.npz", "rb") as file:
        numbers = np.load(file, allow_pickle=False)
        if not isinstance(numbers, np.lib.npyio.NpzFile):
            raise ValueError(f"{shown}/maps.npz is one array, expected several by name")
        for name in sorted(described.modules, key=_natural):
            module = _module(numbers, name, described.modules[name], f"{shown}/maps.npz")
            last[module.side] = module
    if not last:
        raise ValueError(f"{shown}/maps.json names no module")
    return [last[side] for side in sorted(last)]


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts level 10 behind level 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _module(numbers: np.lib.npyio.NpzFile, name: str, heads: _Heads, shown: str) -> Module:
    count = len(heads.dilations)
    keys = [f"{name}.{kind}" for kind in KINDS]
    missing = [key for key in keys if key not in numbers.files]
    if missing:
        raise ValueError(f"{shown} holds no '{missing[0]}'")
    middle, received = (numbers[key] for key in keys)
    fits = middle.ndim == 3 and 0 < len(middle) == count == len(heads.kernel_sizes) and middle.size > 0
    if not fits or middle.shape != received.shape:
        raise ValueError(f"{shown}: {keys[0]} has shape {middle.shape}, expected a map for each of {count} heads")
    for key, maps in zip(keys, (middle, received), strict=True):
        if maps.dtype.kind != "f" or not np.isfinite(maps).all() or maps.min() < 0:
            raise ValueError(f"{shown}: {key} holds other values than finite ones of at least 0")
    return Module(name, heads.kernel_sizes, heads.dilations, middle, received)
