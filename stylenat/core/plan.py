"""The resolved plan of a run: every measurement, verdict and card, written before any work starts."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stylenat.core import paths
from stylenat.core.cards import RunCard
from stylenat.core.catalog import KINDS, Job, Run
from stylenat.core.files import read_json
from stylenat.core.strict import Strict, parse

SHOWN_SAMPLES = 32  # images of a model that the report shows
MAPPED_FAMILY = "stylenat.network"  # the one whose heads look at neighborhoods of several dilations


class PlannedRecord(Strict):
    """One measurement to be made, and where its record will lie (relative to the results folder)."""

    protocol: str
    model: str
    seed: int
    dataset: str = ""  # whose images are the reals
    path: str


class PlannedVerdict(Strict):
    """One claim to be judged, where the verdict will lie, and the records that are read for it."""

    claim: str
    path: str
    records: list[str]
    beside: list[str] = Field(default_factory=list)  # those of them that it can be judged without


class Plan(Strict):
    """All that `judge` and `report` need besides the records: no configuration folder, no torch."""

    schema_version: Literal[1] = 1
    run: RunCard
    records: list[PlannedRecord]
    verdicts: list[PlannedVerdict]
    histories: dict[str, str]  # trained model -> its training log (JSON lines)
    samples: dict[str, str]  # model -> the samples of its first seed (uint8 .npy)
    maps: dict[str, str] = Field(default_factory=dict)  # StyleNAT model -> the folder of where its heads look
    simulation: str = paths.SIMULATION  # what error bars are worth: the report's appendix
    cards: dict[str, dict[str, Any]]  # kind -> name -> card, as plain data (aliases: Weights.imported is `import`)


def make_plan(run: Run) -> Plan:
    """The plan of a run: paths from `paths`, cards as plain data."""
    record_of = {job: paths.record_path(job, run.catalog.protocol(job.protocol), run.card) for job in run.jobs}
    records = [
        PlannedRecord(protocol=j.protocol, model=j.model, seed=j.seed, dataset=j.dataset, path=record_of[j])
        for j in run.jobs
    ]
    verdicts = [_verdict(run, name, record_of) for name in run.claims]
    return Plan(
        run=run.card,
        records=records,
        verdicts=verdicts,
        histories={name: paths.HISTORY.format(model=name) for name in trained_models(run)},
        samples=_first_samples(run),
        maps=_first_maps(run),
        cards={kind: _plain(run, kind) for kind in KINDS},
    )


def _verdict(run: Run, claim: str, record_of: dict[Job, str]) -> PlannedVerdict:
    """A claim's records: its models' own, and beside them the same models against other sets, and the controls."""
    beside = run.jobs_beside(claim)
    return PlannedVerdict(
        claim=claim,
        path=paths.VERDICT.format(claim=claim),
        records=[record_of[job] for job in sorted({*run.jobs_of_claim(claim), *beside})],
        beside=[record_of[job] for job in beside],
    )


def trained_models(run: Run) -> list[str]:
    """Models of the run whose measurements need a training here, and those that such a training grows from."""
    needed = [job.model for job in run.jobs if run.catalog.protocol(job.protocol).on_images]
    models: set[str] = set()
    while needed:
        name = needed.pop()
        models.add(name)
        needed += [before for before in [run.catalog.model(name).initial] if before is not None]
    return sorted(name for name in models if run.catalog.model(name).weights.train is not None)


def _first_jobs(run: Run) -> dict[str, Job]:
    """Each model's first job on images: what is shown of the model is of its seed."""
    found: dict[str, Job] = {}
    for job in run.jobs:
        if run.catalog.protocol(job.protocol).on_images:
            found.setdefault(job.model, job)
    return found


def _first_samples(run: Run) -> dict[str, str]:
    counts = {name: run.catalog.protocol(job.protocol).fake_count for name, job in _first_jobs(run).items()}
    return {
        name: paths.SAMPLES.format(model=name, seed=job.seed, num=min(counts[name], SHOWN_SAMPLES))
        for name, job in _first_jobs(run).items()
    }


def _first_maps(run: Run) -> dict[str, str]:
    return {
        name: paths.MAPS.format(model=name, seed=job.seed)
        for name, job in _first_jobs(run).items()
        if run.catalog.model(name).family == MAPPED_FAMILY
    }


def _plain(run: Run, kind: str) -> dict[str, Any]:
    get, names = run.catalog.get, run.catalog.names(kind)
    return {name: get(kind, name).model_dump(mode="json", by_alias=True, exclude_none=True) for name in names}


def read_plan(path: Path) -> Plan:
    """Read and validate a plan; a fault raises InputError with the file's name."""
    return parse(read_json(path), Plan, str(path))
