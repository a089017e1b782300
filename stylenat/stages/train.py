"""Stage `train`: a recipe, a prepared set and a network become a snapshot. Run again to resume."""

import shutil
from pathlib import Path

from stylenat.core.cards import DatasetCard, ModelCard, TrainingCard
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_json
from stylenat.core.registry import load_family
from stylenat.core.snapshot import write_snapshot
from stylenat.data.view import open_prepared
from stylenat.training.loop import LOG_NAME, train


def run(
    *,
    model: ModelCard,
    training: TrainingCard,
    dataset: DatasetCard,
    manifest: Path,
    rundir: Path,
    snapshot: Path,
    history: Path,
    device: str,
) -> None:
    """Train `model`, write the average's weights to `snapshot` and the log to `history`.

    States lie in a folder of `rundir` named by a digest of architecture, recipe and images, so that a changed card
    never goes on from another recipe's state.

    Raises:
        InputError: the device or the images are not there or do not fit, or the training diverged.
    """
    if model.family is None:
        raise InputError(f"model '{model.name}' has no family to train")
    where, images = get_device(device), open_prepared(manifest)
    recipe = [model.arch, training.model_dump(mode="json"), images.fingerprint, dataset.flips]
    digest = sha256_json(recipe)
    folder = Path(rundir) / digest[:12]
    trainer = train(
        family=load_family(model.family),
        arch=model.arch,
        card=training,
        images=images,
        flips=dataset.flips,
        rundir=folder,
        device=where,
    )
    metadata = {"model": model.name, "training": training.name, "nimg": str(trainer.nimg), "recipe_sha256": digest}
    write_snapshot(trainer.average.state_dict(), snapshot, {**metadata, "seed": str(training.seed)})
    with atomic_path(history) as temporary:
        shutil.copyfile(folder / LOG_NAME, temporary)
