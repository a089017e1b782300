"""Where results lie: one folder a stage, one file a result. Read by the Snakefile, `plan` and `report`.

Paths are relative to the run's results folder.
"""

from stylenat.core.cards import DatasetCard, ModelCard, ProtocolCard, RunCard
from stylenat.core.catalog import Job

PLAN = "plan/plan.json"
PREPARED = "prepare/{dataset}/manifest.json"
EXPORTED = "export/{dataset}.zip"  # on demand: no measurement needs it
TRAINED = "train/{model}/snapshot.safetensors"
HISTORY = "train/{model}/history.jsonl"
RUNS = "train/{model}/run"  # a folder a recipe, see `rundir`; no output of a rule, so that it outlives a stopped job
IMPORTED = "import/{model}/snapshot.safetensors"
IMPORTED_CARD = "import/{model}/snapshot.json"
DISCRIMINATOR = "import/{model}/discriminator.safetensors"  # on demand: no measurement needs it
DISCRIMINATOR_CARD = "import/{model}/discriminator.json"
SAMPLES = "sample/{model}/seed{seed}-n{num}.npy"
MAPS = "maps/{model}/seed{seed}"  # a folder: pictures, numbers and what they are of
REAL_FEATURES = "features/reals/{dataset}.json"
FAKE_FEATURES = "features/fakes/{model}/seed{seed}.json"
STATISTICS = "features/statistics"  # by content; no output of a rule, so that it outlives a job that failed
THROUGHPUT = "throughput/{protocol}/{machine}-seed{seed}.json"
RECORD = "measure/{protocol}/{model}/{variant}.json"
RECORDS = "measure/{protocol}/{model}/records.json"  # the list of them: a rule's output, records lie beside it
VERDICT = "judge/{claim}.json"
REPORT = "report/report.html"
SIMULATION = "simulate/frechet.json"
DETECTOR_WEIGHTS = "fetch/weights/{detector}.pth"
RAW_IMAGES = "fetch/images/{raw}"


def variant(job: Job, protocol: ProtocolCard, machine: str) -> str:
    """The last part of a record's path: the seed, after the machine of a timing and the set of reals of a distance."""
    first = machine if protocol.timed else job.dataset
    return f"{first}-seed{job.seed}" if first else f"seed{job.seed}"


def session_path(job: Job, run: RunCard) -> str:
    """Where the timings behind one job's record lie: those of all models of a protocol, made in one process."""
    return THROUGHPUT.format(protocol=job.protocol, machine=run.machine, seed=job.seed)


def record_path(job: Job, protocol: ProtocolCard, run: RunCard) -> str:
    """Where the record of one job lies."""
    return RECORD.format(protocol=job.protocol, model=job.model, variant=variant(job, protocol, run.machine))


def weights_path(model: ModelCard) -> str | None:
    """Where a model's weights come from: snapshot or prepared set; None when it has none."""
    if model.weights.train is not None:
        return TRAINED.format(model=model.name)
    if model.weights.imported is not None:
        return IMPORTED.format(model=model.name)
    if model.weights.dataset is not None:
        return PREPARED.format(dataset=model.weights.dataset)
    return None


def raw_key(dataset: DatasetCard) -> str | None:
    """The name of a raw folder that `fetch` makes, shared by all sets from one source; None for a user's folder."""
    if dataset.source.kind == "photographs":
        return f"photographs-{dataset.source.crops}x{dataset.source.crop_px}"
    return None
