"""Counting the jobs of a run by the files that are there.

A job is `done` when its products are there, `failed` when its log ends in an error, and `begun` when it has a log that
ends otherwise: it runs, or was ended from outside. Only a training's lease tells these two apart, so that `running` is
known of trainings alone. Records are counted one by one: done once their job has listed them.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from stylenat.core.catalog import Run
from stylenat.core.plan import Plan, make_plan
from stylenat.core.reading import Reader, one_line
from stylenat.core.records import failed_path
from stylenat.core.targets import STAGES, Target, targets
from stylenat.core.training_progress import Training, training_of

DONE, RUNNING, BEGUN, FAILED, WAITING = STATES = ("done", "running", "begun", "failed", "waiting")
ERROR = "stylenat: error: "  # how a command's last line begins that ended with one
TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class Failure:
    """A job or a measurement that failed when it was last tried, and why."""

    stage: str
    name: str
    reason: str


class Survey:
    """Goes through the jobs of a run and counts."""

    def __init__(self, run: Run, reader: Reader, now: float) -> None:
        self.run, self.reader, self.now = run, reader, now
        self.counts = {stage: dict.fromkeys(STATES, 0) for stage in STAGES}
        self.trainings: list[Training] = []
        self.failed: list[Failure] = []

    def look(self) -> None:
        """Count every job; records one by one."""
        plan = make_plan(self.run)
        records = _by_list(plan)
        for target in targets(self.run, plan):
            if target.stage == "measure":
                self._count_records(target, records[target.name])
            else:
                self.counts[target.stage][self._state(target)] += 1

    def table(self) -> dict[str, dict[str, int | None]]:
        """The counts of the stages that have jobs."""
        used = {stage: counts for stage, counts in self.counts.items() if any(counts.values())}
        return {stage: counts | ({} if stage == "train" else {RUNNING: None}) for stage, counts in used.items()}

    def _state(self, target: Target) -> str:
        if all(self.reader.has(path, target.kind) for path in target.products):
            return DONE
        state, reason = self._by_log(target)
        if target.stage == "train":
            training = training_of(self.run.catalog, target.name, self.reader, self.now, state)
            self.trainings.append(training)
            state = training.state
        if state == FAILED:
            self.failed.append(Failure(target.stage, target.name, reason))
        return state

    def _by_log(self, target: Target) -> tuple[str, str]:
        """The state of a job without its products, and the reason if it failed: Snakemake keeps a failed job's log."""
        if not self.reader.has(target.log):
            return WAITING, ""
        reason = _error_in(self.reader.tail(target.log))
        return (FAILED, reason) if reason else (BEGUN, "")

    def _count_records(self, target: Target, records: list[str]) -> None:
        listed = self._listed(target.products[0])
        folder = target.products[0].rpartition("/")[0]
        failures, missing = 0, 0
        for path in records:
            if self.reader.has(path):
                self.counts["measure"][DONE if path.removeprefix(f"{folder}/") in listed else BEGUN] += 1
            elif self.reader.has(failed := failed_path(Path(path)).as_posix()):
                name = path.removeprefix("measure/").removesuffix(".json")
                self.failed.append(Failure("measure", name, self._reason(failed)))
                failures += 1
            else:
                missing += 1
        self.counts["measure"][FAILED] += failures
        if missing:
            state, reason = (WAITING, "") if failures or listed else self._by_log(target)
            self.counts["measure"][state] += missing
            if state == FAILED:
                self.failed.append(Failure("measure", target.name, reason))

    def _listed(self, path: str) -> set[str]:
        """The names of the records that a job has listed: it writes the list last."""
        content = self.reader.json(path) if self.reader.has(path) else None
        names = content.get("records") if content is not None else {}
        if not isinstance(names, dict):
            self.reader.faults[path] = "found no list of records"
            return set()
        return set(names)

    def _reason(self, path: str) -> str:
        content = self.reader.json(path)
        if content is None:
            return f"its record can't be read: {self.reader.faults.get(path, 'it is gone')}"
        return one_line(content.get("reason")) or "its record gives no reason"


def _by_list(plan: Plan) -> dict[str, list[str]]:
    """The paths of the planned records by the job that makes them."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in plan.records:
        found[f"{record.protocol}/{record.model}"].append(record.path)
    return found


def _error_in(lines: list[str]) -> str:
    """Why a job failed, by the last lines of its log; empty when these end otherwise."""
    last = lines[-1] if lines else ""
    if last.startswith(ERROR):
        errors = [line for line in lines if line.startswith(ERROR)]
        if last.endswith("; see above"):  # what started the processes speaks last, and they have said why
            last = errors[-2] if len(errors) > 1 else last
        return one_line(last.removeprefix(ERROR))
    if TRACEBACK in lines and not last.startswith((" ", "stylenat: ")) and last != TRACEBACK:
        return one_line(last)
    return ""
