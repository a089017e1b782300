"""What of a run is done: counts a stage, trainings under way, failures and their reasons. Nothing is written."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from stylenat.core.catalog import Run
from stylenat.core.errors import InputError
from stylenat.core.reading import Reader, one_line
from stylenat.core.survey import Failure, Survey
from stylenat.core.training_progress import Training

SCHEMA_VERSION = 1  # of the JSON form; docs/slurm.md says what its keys are


@dataclass(frozen=True)
class Unreadable:
    """Something in the results folder that can't be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class RunStatus:
    """A run as its results folder shows it."""

    run: str
    results: str
    results_exist: bool
    stages: dict[str, dict[str, int | None]]  # stage -> state -> how many; None: can't be told from files
    trainings: list[Training]  # those not finished
    failed: list[Failure]
    unreadable: list[Unreadable]


def status_of(run: Run, now: float | None = None) -> RunStatus:
    """Look at a run's results folder; `now` is in seconds since the epoch, the clock's unless given.

    Raises:
        InputError: the results folder is something else, or can't be read.
    """
    results = Path(run.card.results)
    exist = _check(results)
    survey = Survey(run, Reader(results), time.time() if now is None else now)
    survey.look()
    return RunStatus(
        run=run.card.run,
        results=str(results),
        results_exist=exist,
        stages=survey.table(),
        trainings=survey.trainings,
        failed=survey.failed,
        unreadable=[Unreadable(one_line(path), why) for path, why in sorted(survey.reader.faults.items())],
    )


def _check(results: Path) -> bool:
    """Whether a results folder is there."""
    if not results.exists():
        return False
    if not results.is_dir():
        raise InputError(f"results folder '{results}': found a file, expected a folder")
    if not os.access(results, os.R_OK | os.X_OK):
        raise InputError(f"results folder '{results}': can't be read")
    return True
