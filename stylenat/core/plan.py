"""The resolved plan of a run: every measurement, verdict and card, written before any work starts."""

from pathlib import Path
from typing import Any, Literal

from stylenat.core import paths
from stylenat.core.cards import RunCard
from stylenat.core.catalog import KINDS, Run
from stylenat.core.files import read_json
from stylenat.core.strict import Strict, parse


class PlannedRecord(Strict):
    """One measurement to be made, and where its record will lie (relative to the results folder)."""

    protocol: str
    model: str
    seed: int
    path: str


class PlannedVerdict(Strict):
    """One claim to be judged, where the verdict will lie, and the records that it rests on."""

    claim: str
    path: str
    records: list[str]


class Plan(Strict):
    """All that `judge` and `report` need besides the records: no configuration folder, no torch."""

    schema_version: Literal[1] = 1
    run: RunCard
    records: list[PlannedRecord]
    verdicts: list[PlannedVerdict]
    histories: dict[str, str]  # trained model -> its training log (JSON lines)
    samples: dict[str, str]  # model -> the samples of its first seed (uint8 .npy)
    cards: dict[str, dict[str, Any]]  # kind -> name -> card, as plain data (aliases: Weights.imported is `import`)


def make_plan(run: Run) -> Plan:
    """The plan of a run: paths from `paths`, cards as plain data."""
    record_of = {job: paths.record_path(job, run.catalog.protocol(job.protocol), run.card) for job in run.jobs}
    records = [PlannedRecord(protocol=j.protocol, model=j.model, seed=j.seed, path=record_of[j]) for j in run.jobs]
    verdicts = [
        PlannedVerdict(
            claim=name,
            path=paths.VERDICT.format(claim=name),
            records=[record_of[job] for job in run.jobs_of_claim(name)],
        )
        for name in run.claims
    ]
    return Plan(
        run=run.card,
        records=records,
        verdicts=verdicts,
        histories={name: paths.HISTORY.format(model=name) for name in trained_models(run)},
        samples=_first_samples(run),
        cards={kind: _plain(run, kind) for kind in KINDS},
    )


def trained_models(run: Run) -> list[str]:
    """Models of the run whose measurements need a training here, and those that such a training grows from."""
    needed = [job.model for job in run.jobs if run.catalog.protocol(job.protocol).needs == "features"]
    models: set[str] = set()
    while needed:
        name = needed.pop()
        models.add(name)
        needed += [before for before in [run.catalog.model(name).initial] if before is not None]
    return sorted(name for name in models if run.catalog.model(name).weights.train is not None)


def _first_samples(run: Run) -> dict[str, str]:
    found: dict[str, str] = {}
    for job in run.jobs:
        protocol = run.catalog.protocol(job.protocol)
        if protocol.needs == "features" and job.model not in found:
            found[job.model] = paths.SAMPLES.format(model=job.model, seed=job.seed, num=protocol.fake_count)
    return found


def _plain(run: Run, kind: str) -> dict[str, Any]:
    get, names = run.catalog.get, run.catalog.names(kind)
    return {name: get(kind, name).model_dump(mode="json", by_alias=True, exclude_none=True) for name in names}


def read_plan(path: Path) -> Plan:
    """Read and validate a plan; a fault raises InputError with the file's name."""
    return parse(read_json(path), Plan, str(path))
