"""Stage `train`: a recipe, a prepared set and a network become a snapshot. Run again to resume."""

import shutil
from pathlib import Path

from stylenat.core.cards import DatasetCard, ModelCard, TrainingCard
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_file, sha256_json
from stylenat.core.registry import load_family
from stylenat.core.snapshot import read_snapshot, write_snapshot
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
    initial: Path | None = None,
) -> None:
    """Train `model`, write the average's weights to `snapshot` and the log to `history`.

    `initial` is the snapshot of the model that the card says this one grows from.

    States lie in a folder of `rundir` named by a digest of architecture, recipe and images, so that a changed card
    never goes on from another recipe's state.

    Raises:
        InputError: the device or the images are not there or do not fit, the initial weights are another model's, or
            the training diverged.
    """
    if model.family is None:
        raise InputError(f"model '{model.name}' has no family to train")
    if (model.initial is None) != (initial is None):
        found = f"--initial {initial}" if initial else "no --initial"
        raise InputError(f"model '{model.name}': found {found}, its card says initial: {model.initial or 'none'}")
    where, images = get_device(device), open_prepared(manifest)
    flips = dataset.flips and training.flips
    recipe = [model.arch, training.model_dump(mode="json"), images.fingerprint, flips]
    grown_from = None if initial is None else read_snapshot(initial, model.initial)
    digest = sha256_json(recipe if initial is None else [*recipe, sha256_file(initial)])
    folder = Path(rundir) / digest[:12]
    trainer = train(
        family=load_family(model.family),
        arch=model.arch,
        card=training,
        images=images,
        flips=flips,
        rundir=folder,
        device=where,
        initial=grown_from,
    )
    metadata = {"model": model.name, "training": training.name, "nimg": str(trainer.nimg), "recipe_sha256": digest}
    write_snapshot(trainer.average.state_dict(), snapshot, {**metadata, "seed": str(training.seed)})
    with atomic_path(history) as temporary:
        shutil.copyfile(folder / LOG_NAME, temporary)
