"""Families by dotted path, and the source files that decide what a family computes."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from stylenat.core.errors import InputError

if TYPE_CHECKING:
    from stylenat.core.interface import Family

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = ("stylenat.network", "baselines.")


def _check(dotted: str) -> None:
    if not any(dotted == prefix.rstrip(".") or dotted.startswith(prefix) for prefix in ALLOWED):
        raise InputError(f"family '{dotted}' lies outside the packages that may hold one: {', '.join(ALLOWED)}")


def load_family(dotted: str) -> "Family":
    """Import the Family at a dotted path: a package's `FAMILY`, or a named object in a module.

    Raises:
        InputError: the path is not allowed, does not exist, or holds no family.
    """
    _check(dotted)
    parent, _, name = dotted.rpartition(".")
    if family_path(dotted).is_dir():
        parent, name = dotted, "FAMILY"
    family = getattr(importlib.import_module(parent), name, None)
    if family is None:
        raise InputError(f"family '{dotted}': {parent} holds no '{name}'")
    return family


def family_path(dotted: str) -> Path:
    """The package folder or the module file behind a family's dotted path, without importing it."""
    _check(dotted)
    folder = ROOT.joinpath(*dotted.split("."))
    if folder.is_dir():
        return folder
    module = folder.parent.with_suffix(".py")
    if module.is_file():
        return module
    raise InputError(f"family '{dotted}': neither the package {folder} nor the module {module} exists")
