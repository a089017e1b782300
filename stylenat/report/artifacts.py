"""What a run leaves besides records: training logs and arrays of samples. A fault in one becomes its `problem`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

UNREADABLE = (OSError, ValueError, RecursionError)  # a JSON fault is a ValueError; deep nesting recurses


@dataclass(frozen=True)
class History:
    """A training log, one mapping a line; `problem` says what is missing from it."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Samples:
    """A model's first samples, uint8 (N, 3, H, W), or the problem with them."""

    images: np.ndarray | None = None
    problem: str = ""


def read_history(path: Path, shown: str) -> History:
    """Read a training log of JSON lines; `shown` is its name in messages."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        return History(problem=f"not trained yet: {shown} does not exist")
    except UNREADABLE as error:
        return History(problem=f"{shown} can't be read: {error}")
    rows, broken = [], 0
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            broken += 1
    return History(rows, f"{broken} {'line' if broken == 1 else 'lines'} of {shown} can't be read" if broken else "")


def read_samples(path: Path, shown: str) -> Samples:
    """Map an array of samples into memory; `shown` is its name in messages."""
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return Samples(problem=f"no samples yet: {shown} does not exist")
    except (*UNREADABLE, EOFError) as error:
        return Samples(problem=f"{shown} can't be read: {' '.join(str(error).split())}")
    if getattr(images, "ndim", 0) != 4 or images.dtype != np.uint8 or images.shape[1] != 3 or 0 in images.shape:
        return Samples(problem=f"{shown}: expected uint8 images (N, 3, H, W)")
    return Samples(images)
