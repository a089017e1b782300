"""What made a number: code fingerprints, git state and versions. No torch."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from stylenat.core.cards import ModelCard, ProtocolCard
from stylenat.core.registry import ROOT, family_path

OBJECTIVE = "objective.py"  # of a family: what its networks are trained for
PACKAGES = ("torch", "torchvision", "torch-fidelity", "timm", "numpy", "scipy", "pillow", "snakemake", "stylenat")


def _files(paths: Iterable[Path]) -> set[Path]:
    """Python files; folders count with all that is in them, but for training, which is recorded, not fingerprinted."""
    files: set[Path] = set()
    for path in paths:
        inside = path.rglob("*.py") if path.is_dir() else [path]
        files |= {file for file in inside if file.name != OBJECTIVE}
    return files


def fingerprint(paths: Iterable[Path]) -> str:
    """Sixteen hex digits over the names and bytes of python files."""
    files = _files(paths)
    digest = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(ROOT).as_posix()
        digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _package(*parts: str) -> Path:
    return ROOT.joinpath("stylenat", *parts)


def model_code(model: ModelCard) -> str:
    """Fingerprint of what decides a model's images: its family, attention, shared layers and sampling."""
    shared = [_package(name) for name in ("attention", "nn", "sampling")]
    contract = [_package("core", f"{name}.py") for name in ("images", "seeds", "interface")]
    family = [family_path(model.family)] if model.family else []
    return fingerprint([*shared, *contract, *family, _package("stages", "sample.py")])


def features_code() -> str:
    """Fingerprint of what decides features, given images and detector weights."""
    return fingerprint([_package("features"), _package("stages", "features.py")])


def metric_code(protocol: ProtocolCard, model: ModelCard) -> str:
    """Fingerprint of what decides one measurement, given its input files: the metric and its helpers.

    A metric on the model itself also depends on the family's code.
    """
    metrics = _package("metrics")
    own = [metrics / f"{protocol.metric}.py", *metrics.glob("_*.py"), _package("stages", "measure.py")]
    code = fingerprint(own)
    return f"{code}-{model_code(model)}" if protocol.needs == "model" else code


def claims_code() -> str:
    """Fingerprint of the verdict rules."""
    return fingerprint([_package("claims"), _package("stages", "judge.py")])


def report_code() -> str:
    """Fingerprint of the report's code and templates."""
    report = _package("report")
    return fingerprint([report, *report.glob("*.j2"), *report.glob("*.css"), _package("stages", "report.py")])


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


@lru_cache(maxsize=1)
def git_state() -> dict[str, str | bool]:
    """Revision of the code and whether the working tree differs from it; 'unknown' outside git."""
    try:
        revision = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except OSError:  # git is not installed
        revision, dirty = "", False
    return {"revision": revision or "unknown", "dirty": dirty}


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
