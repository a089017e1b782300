"""Rows as Parquet: text, numbers and flags have their own types, and what is missing is null."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from stylenat.core.files import atomic_path
from stylenat.core.strict import Strict
from stylenat.report.rows import nulled

TYPES = {int: "Int64", float: "float64", bool: "boolean"}  # all else is text
INT64 = range(-(2**63), 2**63)


def typed(rows: Iterable[Mapping[str, Any]], model: type[Strict]) -> pd.DataFrame:
    """Rows as a frame with the columns and types of their model."""
    clean = [nulled(row) for row in rows]
    columns = {}
    for name, field in model.model_fields.items():
        kind = next(
            (TYPES[part] for part in (field.annotation, *get_args(field.annotation)) if part in TYPES), "string"
        )
        columns[name] = pd.array([_fitting(row.get(name), kind) for row in clean], dtype=kind)
    return pd.DataFrame(columns)


def _fitting(value: Any, kind: str) -> Any:
    """A value that its column can hold; a number beyond 64 bits, such as an odd seed, is left to CSV and JSON."""
    if value is None:
        return float("nan") if kind == "float64" else pd.NA
    if kind == "string":
        return str(value)
    return pd.NA if kind == "Int64" and value not in INT64 else value


def write(path: Path, rows: Iterable[Mapping[str, Any]], model: type[Strict]) -> None:
    """Write rows atomically; the same rows give the same bytes."""
    with atomic_path(path) as temporary:
        typed(rows, model).to_parquet(temporary, engine="pyarrow", index=False)
