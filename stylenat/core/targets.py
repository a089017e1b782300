"""Every job of a run: its stage, its name, what it makes. The same jobs as the workflow's rules give."""

from collections.abc import Iterable
from dataclasses import dataclass

from stylenat.core import paths
from stylenat.core.cards import ModelCard
from stylenat.core.catalog import Job, Run
from stylenat.core.plan import Plan, trained_models

# In the order of the work.
STAGES = (
    "plan",
    "fetch",
    "prepare",
    "train",
    "import",
    "sample",
    "maps",
    "features",
    "throughput",
    "measure",
    "judge",
    "simulate",
    "report",
)


@dataclass(frozen=True)
class Target:
    """A job and its products; paths are relative to the run's results folder."""

    stage: str
    name: str  # within its stage, as its log is named
    products: tuple[str, ...]
    kind: str = "file"  # of the products: file, folder

    @property
    def log(self) -> str:
        """Where the job keeps its messages."""
        return f"logs/{self.stage}/{self.name}.log"


def targets(run: Run, plan: Plan) -> list[Target]:
    """The jobs of a run, sorted by stage and name."""
    compared = [job for job in run.jobs if run.catalog.protocol(job.protocol).on_images]
    models = _needed_models(run, compared)
    found = {*_materials(run, compared, models), *_features(compared), *_sessions(run), *_ends(run, plan)}
    for model in models:
        if model.weights.train is not None:
            made = paths.TRAINED, paths.HISTORY
            found.add(Target("train", model.name, tuple(path.format(model=model.name) for path in made)))
        if model.weights.imported is not None:
            made = paths.IMPORTED, paths.IMPORTED_CARD
            found.add(Target("import", model.name, tuple(path.format(model=model.name) for path in made)))
    return sorted(found, key=lambda target: (STAGES.index(target.stage), target.name))


def _needed_models(run: Run, compared: list[Job]) -> list[ModelCard]:
    """Models whose weights are needed: those that make images, and those that trainings grow from."""
    names = {job.model for job in compared} | set(trained_models(run))
    names |= {run.catalog.model(name).initial for name in names} - {None}
    return [run.catalog.model(name) for name in sorted(names)]


def _materials(run: Run, compared: list[Job], models: list[ModelCard]) -> Iterable[Target]:
    """Prepared sets, and what is fetched for them and for detectors."""
    trained = [model for model in models if model.weights.train is not None]
    sets = {job.dataset for job in compared} | {model.dataset for model in trained}
    sets |= {model.weights.dataset for model in models}
    quick = [run.catalog.training(model.weights.train).quick_fid for model in trained]
    detectors = {run.catalog.protocol(job.protocol).detector for job in compared}
    detectors |= {one.detector for one in quick if one is not None}
    for name in sets - {None}:
        yield Target("prepare", name, (paths.PREPARED.format(dataset=name),))
        key = paths.raw_key(run.catalog.dataset(name))
        if key is not None:
            yield Target("fetch", f"images/{key}", (paths.RAW_IMAGES.format(raw=key),), kind="folder")
    for name in detectors:
        yield Target("fetch", f"weights/{name}", (paths.DETECTOR_WEIGHTS.format(detector=name),))


def _features(compared: list[Job]) -> Iterable[Target]:
    for job in compared:
        yield Target("features", f"reals/{job.dataset}", (paths.REAL_FEATURES.format(dataset=job.dataset),))
        made = paths.FAKE_FEATURES.format(model=job.model, seed=job.seed)
        yield Target("features", f"fakes/{job.model}/seed{job.seed}", (made,))


def _sessions(run: Run) -> Iterable[Target]:
    for job in run.jobs:
        if run.catalog.protocol(job.protocol).timed:
            made = paths.session_path(job, run.card)
            yield Target("throughput", _stem(made, "throughput"), (made,))


def _ends(run: Run, plan: Plan) -> Iterable[Target]:
    """Records by model and protocol, verdicts, and what stands alone."""
    for job in run.jobs:
        made = paths.RECORDS.format(protocol=job.protocol, model=job.model)
        yield Target("measure", f"{job.protocol}/{job.model}", (made,))
    for verdict in plan.verdicts:
        yield Target("judge", verdict.claim, (verdict.path,))
    for path in plan.samples.values():
        yield Target("sample", _stem(path, "sample"), (path,))
    for path in plan.maps.values():
        yield Target("maps", path.removeprefix("maps/"), (path,), kind="folder")
    for stage, path in {"plan": paths.PLAN, "simulate": plan.simulation, "report": paths.REPORT}.items():
        yield Target(stage, _stem(path, stage), (path,))


def _stem(path: str, stage: str) -> str:
    return path.removeprefix(f"{stage}/").rpartition(".")[0]
