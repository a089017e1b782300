"""`check`: are all cards sound, and is there what a run needs from outside?"""

from pathlib import Path
from typing import Any

from stylenat.core.cards import DetectorCard
from stylenat.core.catalog import KINDS, Catalog, Run
from stylenat.core.cluster import FILE, read_cluster
from stylenat.core.errors import InputError
from stylenat.core.plan import trained_models
from stylenat.core.slurm import ask_slurm
from stylenat.core.slurm_checks import check_slurm
from stylenat.core.slurm_partitions import Finding
from stylenat.core.strict import read_yaml
from stylenat.core.supplied import supplied_weights


def run(catalog: Catalog, run_files: list[Path]) -> list[str]:
    """One line a finding: cards by kind, then for each run its size and what is missing outside.

    Loading the catalog has already refused unsound cards.
    """
    counts = ", ".join(f"{len(catalog.names(kind))} {kind}" for kind in KINDS)
    lines = [f"cards: {counts}: all sound"]
    for path in run_files:
        resolved = Run(catalog, read_yaml(path), str(path))
        lines.append(f"{path}: {len(resolved.jobs)} measurements, {len(resolved.claims)} claims")
        lines += [f"{path}: missing: {line}" for line in _missing(resolved)]
    return lines


def run_cluster(catalog: Catalog, run_files: list[Path]) -> list[Finding]:
    """What SLURM says against, and for, running on this cluster as `cluster.yaml` asks.

    GPU jobs are looked at where a run needs them, or the file names what only they need.
    """
    cluster = read_cluster(FILE)
    devices = {Run(catalog, read_yaml(path), str(path)).card.device for path in run_files}
    gpu_jobs = "cuda" in devices or cluster.names_gpus
    return check_slurm(ask_slurm(accounts=cluster.account is not None), cluster, gpu_jobs)


def _missing(run: Run) -> list[str]:
    """Raw folders, checkpoints and detector weights that the run's jobs need and that are not there."""
    found, detectors, folder = set(), set(), Path(run.card.weights)
    for job in run.jobs:
        protocol, model = run.catalog.protocol(job.protocol), run.catalog.model(job.model)
        if not protocol.on_images:
            continue
        found |= _missing_data(run, job.dataset)
        imported = model.weights.imported
        if imported is not None and not (folder / imported.file).is_file():
            found.add(f"{folder / imported.file} (checkpoint of '{model.name}', {imported.url})")
        detectors.add(protocol.detector)
    found |= {fault for name in detectors for fault in _missing_weights(run.catalog.detector(name), folder)}
    for file, models in _pretrained(run).items():
        if not file.is_file():
            others = f" and {len(models) - 1} more" if len(models) > 1 else ""
            found.add(f"{file} (pretrained network in the training of '{models[0]}'{others})")
    return sorted(found)


def _missing_weights(detector: DetectorCard, folder: Path) -> list[str]:
    """A line that says which weights to put where, if they can't be had from the folder."""
    if detector.weights.file is None:
        return []
    try:
        supplied_weights(detector, folder)
    except InputError as error:
        return [str(error)]
    return []


def _missing_data(run: Run, dataset: str) -> set[str]:
    """Raw images and the list of what they must be."""
    source = run.catalog.dataset(dataset).source
    found = set()
    if source.path is not None and not run.supplied(source.path).exists():
        origin = f", {source.archive.url}" if source.archive and source.archive.url else ""
        found.add(f"{run.supplied(source.path)} (raw images of '{dataset}'{origin})")
    if source.checklist is not None and not run.supplied(source.checklist.path).is_file():
        found.add(f"{run.supplied(source.checklist.path)} (what they must be, {source.checklist.url})")
    return found


def _pretrained(run: Run) -> dict[Path, list[str]]:
    """Files that the architectures of this run's trainings name, and the models that name them."""
    found: dict[Path, list[str]] = {}
    for name in trained_models(run):
        for file in _files_of(run.catalog.model(name).arch):
            found.setdefault(file, []).append(name)
    return found


def _files_of(arch: Any) -> list[Path]:
    """Files that an architecture names, at any depth: mappings with `file` and `sha256`."""
    if not isinstance(arch, dict):
        return []
    own = [Path(arch["file"])] if {"file", "sha256"} <= arch.keys() else []
    return own + [file for value in arch.values() for file in _files_of(value)]
