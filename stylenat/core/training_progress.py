"""How far a training is that is not finished, and an estimate of what is left of it, by its run folders."""

import json
from dataclasses import dataclass, field
from typing import Any

from stylenat.core import paths, rundir
from stylenat.core.catalog import Catalog
from stylenat.core.reading import Reader, one_line
from stylenat.core.run_folders import RunFolder, Trainer, read_folder


@dataclass(frozen=True)
class Training:
    """A training that is not finished: what its folder says, and what that leaves to be done."""

    model: str
    images_total: int
    state: str = "waiting"
    images_seen: int = 0
    folder: str | None = None
    newest_state_images: int | None = None
    trainer: Trainer | None = None
    images_per_second_estimate: float | None = None
    seconds_left_estimate: float | None = None
    notes: list[str] = field(default_factory=list)


def training_of(catalog: Catalog, name: str, reader: Reader, now: float, otherwise: str) -> Training:
    """What a model's run folders say; `otherwise` is its state when no trainer is at work, by the job's own log."""
    total = catalog.training(catalog.model(name).weights.train).total_nimg
    fitting, others = _run_folders(catalog, name, reader, now)
    notes = [f"a trainer of another recipe is at work in {one_line(one.path)}" for one in others if one.at_work]
    if not fitting:
        if others:
            notes.append(f"{_folders(len(others))} of another recipe left aside")
        return Training(name, total, otherwise, notes=notes)
    shown = max(fitting, key=lambda one: (one.at_work, one.touched, one.path))
    if len(fitting) > 1:
        busy = sum(one.at_work for one in fitting)
        notes.append(f"{_folders(len(fitting))} fit the cards, {busy} with a trainer; shown is {one_line(shown.path)}")
    return Training(
        model=name,
        images_total=total,
        state="running" if shown.at_work else "begun" if otherwise == "waiting" else otherwise,
        images_seen=shown.images_seen,
        folder=shown.path,
        newest_state_images=shown.newest_state_images,
        trainer=shown.trainer,
        images_per_second_estimate=shown.images_per_second,
        seconds_left_estimate=_seconds_left(shown, total),
        notes=notes,
    )


def _folders(count: int) -> str:
    return f"{count} run folder{'s' if count > 1 else ''}"


def _seconds_left(run: RunFolder, total: int) -> float | None:
    """Of training, without waiting in queues: from the log's position, or from the state that it will go on from."""
    if run.images_per_second is None:
        return None
    position = run.images_seen if run.at_work else run.newest_state_images or 0
    return max(0, total - position) / run.images_per_second


def _run_folders(catalog: Catalog, name: str, reader: Reader, now: float) -> tuple[list[RunFolder], list[RunFolder]]:
    """The run folders that fit a model's cards, and the others."""
    found: tuple[list[RunFolder], list[RunFolder]] = [], []
    folder = paths.RUNS.format(model=name)
    for digest, kind in sorted(reader.kinds(folder).items()):
        if kind == "folder":
            path = f"{folder}/{digest}"
            found[not _fits(catalog, name, reader.json(f"{path}/{rundir.OPTIONS_NAME}"))].append(
                read_folder(path, reader, now)
            )
    return found


def _fits(catalog: Catalog, name: str, options: dict[str, Any] | None) -> bool:
    """Whether a run's options are what the cards say, as far as cards decide weights."""
    model = catalog.model(name)
    card = catalog.training(model.weights.train)
    training = None if options is None else options.get("training")
    if options is None or not isinstance(training, dict):
        return False
    flips = catalog.dataset(model.dataset).flips and card.flips
    arch = json.loads(json.dumps(model.arch))
    missing = object()
    same = all(training.get(key, missing) == value for key, value in card.decisive().items())
    return same and options.get("arch") == arch and options.get("flips") == flips
