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
IMPORTED = "import/{model}/snapshot.safetensors"
IMPORTED_CARD = "import/{model}/snapshot.json"
DISCRIMINATOR = "import/{model}/discriminator.safetensors"  # on demand: no measurement needs it
DISCRIMINATOR_CARD = "import/{model}/discriminator.json"
SAMPLES = "sample/{model}/seed{seed}-n{num}.npy"
REAL_FEATURES = "features/{detector}/real/{dataset}.npz"
FAKE_FEATURES = "features/{detector}/{model}/seed{seed}-n{num}.npz"
RECORD = "measure/{protocol}/{model}/{variant}.json"
VERDICT = "judge/{claim}.json"
REPORT = "report/report.html"
DETECTOR_WEIGHTS = "fetch/weights/{detector}.pth"
RAW_IMAGES = "fetch/images/{raw}"


def variant(job: Job, protocol: ProtocolCard, run: RunCard) -> str:
    """The last part of a record's path: the seed, and for a timing the machine."""
    return f"{run.machine}-seed{job.seed}" if protocol.timed else f"seed{job.seed}"


def record_path(job: Job, protocol: ProtocolCard, run: RunCard) -> str:
    """Where the record of one job lies."""
    return RECORD.format(protocol=job.protocol, model=job.model, variant=variant(job, protocol, run))


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
