"""`status`: what of a run is done, running, failed and waiting, as text for people or JSON for machines."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from stylenat.core.catalog import Catalog, Run
from stylenat.core.run_folders import Trainer
from stylenat.core.status import SCHEMA_VERSION, RunStatus, status_of
from stylenat.core.strict import read_yaml
from stylenat.core.survey import STATES
from stylenat.core.training_progress import Training

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def run(catalog: Catalog, run_files: list[Path], as_json: bool) -> str:
    """The status of each run; nothing is written, and a results folder need not be there.

    Raises:
        InputError: a run file is faulty, or its results folder can't be read.
    """
    found = [(path, status_of(Run(catalog, read_yaml(path), str(path)))) for path in run_files]
    if as_json:
        runs = [{"run_file": str(path), **asdict(status)} for path, status in found]
        return json.dumps({"schema_version": SCHEMA_VERSION, "runs": runs}, indent=2, allow_nan=False)
    return "\n\n".join("\n".join(_lines(path, status)) for path, status in found)


def _lines(path: Path, status: RunStatus) -> list[str]:
    there = "" if status.results_exist else " (not there yet)"
    lines = [f"run '{status.run}' ({path}), results in {status.results}{there}", *_table(status)]
    if status.trainings:
        lines += ["", f"trainings not finished: {len(status.trainings)}; images/s and time left are estimates"]
        lines += _trainings(status.trainings)
    if status.failed:
        lines += ["", f"failed when last tried: {len(status.failed)}"]
        lines += [f"{one.stage} {one.name}: {one.reason}" for one in status.failed]
    if status.unreadable:
        lines += ["", f"can't be read: {len(status.unreadable)}"]
        lines += [f"{one.path}: {one.reason}" for one in status.unreadable]
    return lines


def _table(status: RunStatus) -> list[str]:
    rows = [("stage", *STATES)]
    for stage, counts in status.stages.items():
        rows.append((stage, *("-" if counts[state] is None else str(counts[state]) for state in STATES)))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of one width each, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [word.rjust(width) for word, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return lines


def _trainings(trainings: Sequence[Training]) -> list[str]:
    """A row of each, and below it what else there is to say."""
    header, *rows = _aligned([("model", "state", "seen", "of", "", "images/s", "left"), *map(_row, trainings)])
    lines = [header]
    for training, row in zip(trainings, rows, strict=True):
        said = "; ".join([*_at_work(training), *training.notes])
        lines += [row, f"    {said}"] if said else [row]
    return lines


def _row(training: Training) -> tuple[str, ...]:
    seen, total = training.images_seen, training.images_total
    speed, left = training.images_per_second_estimate, training.seconds_left_estimate
    return (
        training.model,
        training.state,
        f"{seen:,}",
        f"{total:,}",
        f"{seen / total:.1%}",
        "unknown" if speed is None else f"{speed:.4g}",
        "unknown" if left is None else duration(left),
    )


def _at_work(training: Training) -> list[str]:
    """Who is at work, or from where it goes on when somebody is; nothing of a training that was not begun."""
    trainer, words = training.trainer, []
    if training.folder is None:
        return words
    if trainer is not None:
        job = f", job {trainer.job}" if trainer.job else ""
        who = f"process {trainer.pid or 'unknown'} on {trainer.host or 'an unknown machine'}{job}"
        if trainer.heartbeat == "fresh":
            return [f"{who}, lease touched {_touched(trainer)}"]
        words.append(f"stale lease of {who}, touched {_touched(trainer)}")
    state = training.newest_state_images
    return [*words, "no state yet: starts anew" if state is None else f"goes on from its state at {state:,} images"]


def _touched(trainer: Trainer) -> str:
    if trainer.age_seconds < -1:
        return f"{duration(-trainer.age_seconds)} in the future (clocks differ)"
    return f"{duration(max(0.0, trainer.age_seconds))} ago"


def duration(seconds: float) -> str:
    """A time in its two largest units, such as `3 d 11 h`."""
    whole = round(seconds)
    for (size, unit), (smaller, small_unit) in itertools.pairwise(UNITS):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"
