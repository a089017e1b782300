"""What made a number: code fingerprints, git state and versions. No torch."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from stylenat.core.cards import ModelCard, ProtocolCard
from stylenat.core.registry import ROOT, family_path

OBJECTIVE = "objective.py"  # of a family: what its networks are trained for
DETECTOR_PACKAGES = ("torch", "torch-fidelity", "clean-fid", "timm", "numpy", "pillow")
PACKAGES = (*DETECTOR_PACKAGES, "torchvision", "scipy", "snakemake", "stylenat")


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


def detector_code() -> str:
    """Fingerprint of what decides statistics, given images and detector weights."""
    return fingerprint([_package("features"), _package("frechet", "moments.py"), _package("stages", "features.py")])


def detector_versions() -> dict[str, str]:
    """Versions of the packages that decide features."""
    return {name: versions()[name] for name in DETECTOR_PACKAGES}


def metric_code(protocol: ProtocolCard, model: ModelCard) -> str:
    """Fingerprint of what decides one measurement, given its input files: the metric and its helpers.

    A count of the model itself also depends on the family's code; a timing's session has told that already.
    """
    metrics = _package("metrics")
    own = [metrics / f"{protocol.metric}.py", *metrics.glob("_*.py"), _package("stages", "measure.py")]
    if protocol.needs == "moments":
        own += [_package("frechet", f"{name}.py") for name in ("moments", "distance", "sample", "uncertainty")]
    if protocol.timed:
        own.append(_package("timing", "session.py"))
    code = fingerprint(own)
    return f"{code}-{model_code(model)}" if _counts_the_model(protocol) else code


def _counts_the_model(protocol: ProtocolCard) -> bool:
    return not protocol.on_images and not protocol.timed


def timing_code(models: Iterable[ModelCard]) -> str:
    """Fingerprint of what decides a session of timings: how time is taken, and all that is timed in it."""
    own = fingerprint([_package("timing"), _package("core", "device.py"), _package("stages", "throughput.py")])
    timed = sorted({model_code(model) for model in models})
    return hashlib.sha256("-".join([own, *timed]).encode()).hexdigest()[:16]


class Codes:
    """The fingerprints of one planning, in which no file changes: each is taken once, however many jobs ask for it."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str | None, ...], str] = {}

    def _once(self, key: tuple[str | None, ...], take: Callable[[], str]) -> str:
        if key not in self._taken:
            self._taken[key] = take()
        return self._taken[key]

    def model(self, model: ModelCard) -> str:
        """As `model_code`."""
        return self._once(("model", model.family), lambda: model_code(model))

    def detector(self) -> str:
        """As `detector_code`."""
        return self._once(("detector",), detector_code)

    def metric(self, protocol: ProtocolCard, model: ModelCard) -> str:
        """As `metric_code`."""
        family = model.family if _counts_the_model(protocol) else None
        return self._once(("metric", protocol.name, family), lambda: metric_code(protocol, model))

    def timing(self, models: Sequence[ModelCard]) -> str:
        """As `timing_code`."""
        families = sorted({model.family or "" for model in models})
        return self._once(("timing", *families), lambda: timing_code(models))


def maps_code() -> str:
    """Fingerprint of what decides maps of attention besides the model's own code, which takes them."""
    return fingerprint([_package("stages", "maps.py")])


def claims_code() -> str:
    """Fingerprint of the verdict rules."""
    return fingerprint([_package("claims"), *_shared_rules(), _package("stages", "judge.py")])


def _shared_rules() -> list[Path]:
    """What judge and report both decide by: errors, and the controls' bounds."""
    return [_package("core", f"{name}.py") for name in ("controls", "estimates")]


def simulation_code() -> str:
    """Fingerprint of what decides the simulation of error bars."""
    return fingerprint([_package("frechet"), _package("core", "simulated.py"), _package("stages", "simulate.py")])


def report_code() -> str:
    """Fingerprint of the report's code and templates."""
    report = _package("report")
    parts = [path for kind in ("j2", "css", "js") for path in report.glob(f"*.{kind}")]
    return fingerprint([report, *_shared_rules(), *parts, _package("stages", "report.py")])


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
