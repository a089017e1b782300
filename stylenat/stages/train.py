"""Stage `train`: a recipe, a prepared set and a network become a snapshot. Run again to resume."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from stylenat.core.cards import DatasetCard, DetectorCard, ModelCard
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file, sha256_json, write_text
from stylenat.core.registry import load_family
from stylenat.core.rundir import LOG_NAME, QUICK_NAME, STATE_FOLDER
from stylenat.core.snapshot import read_snapshot, write_snapshot
from stylenat.core.training_cards import TrainingCard
from stylenat.data.view import open_prepared
from stylenat.training import memory
from stylenat.training.group import join
from stylenat.training.loop import Recipe, train
from stylenat.training.state import newest_valid


@dataclass(frozen=True)
class Work:
    """A model to be trained, by which recipe, on which prepared set; the snapshot that it grows from, if it does.

    `detector` is the card and the file of the recipe's quick FID, if it has one.
    """

    model: ModelCard
    training: TrainingCard
    dataset: DatasetCard
    manifest: Path
    initial: Path | None = None
    detector: tuple[DetectorCard, Path] | None = None

    def recipe(self) -> tuple[Recipe, str]:
        """The recipe, and a digest of what decides the weights: architecture, training and images.

        Raises:
            InputError: the images or the initial weights are not there or not those that the cards name.
        """
        model, initial = self.model, self.initial
        if model.family is None:
            raise InputError(f"model '{model.name}' has no family to train")
        if (model.initial is None) != (initial is None):
            found = f"--initial {initial}" if initial else "no --initial"
            raise InputError(f"model '{model.name}': found {found}, its card says initial: {model.initial or 'none'}")
        images, flips = open_prepared(self.manifest), self.dataset.flips and self.training.flips
        parts = [model.arch, self.training.decisive(), images.fingerprint, flips]
        grown_from = None if initial is None else read_snapshot(initial, model.initial)
        digest = sha256_json(parts if initial is None else [*parts, sha256_file(initial)])
        return Recipe(load_family(model.family), model.arch, self.training, images, flips, grown_from), digest

    def extractor(self, device: torch.device) -> nn.Module | None:
        """The network of the recipe's quick FID."""
        quick = self.training.quick_fid
        if quick is None:
            return None
        if self.detector is None:
            raise InputError(
                f"training '{self.training.name}' has quick_fid with detector '{quick.detector}'; expected its weights,"
                " --detector-weights FOLDER"
            )
        from stylenat.features.extract import build_extractor  # brings in the detectors' libraries

        return build_extractor(*self.detector, device)


def run(work: Work, rundir: Path, snapshot: Path, history: Path, device: str, deadline: float | None = None) -> None:
    """Train, write the average's weights to `snapshot` and the log, with the quick FID if there is one, to `history`.

    States lie in a folder of `rundir` named by a digest of architecture, recipe and images, so that a changed card
    never goes on from another recipe's state. Under torchrun this is one of its processes.

    Raises:
        Unfinished: a signal came, or `deadline` (of the monotonic clock) is near; running again goes on.
        InputError: the device or the images are not there or do not fit, the initial weights are another model's, or
            the training diverged.
    """
    with join(get_device(device)) as (group, own):
        recipe, digest = work.recipe()
        folder = Path(rundir) / digest[:12]
        extractor = work.extractor(own) if group.first else None
        trainer = train(recipe, folder, own, group=group, extractor=extractor, deadline=deadline)
        if not group.first:
            return
        metadata = {"model": work.model.name, "training": work.training.name, "nimg": str(trainer.nimg)}
        metadata |= {"recipe_sha256": digest, "seed": str(work.training.seed)}
        write_snapshot(trainer.average.state_dict(), snapshot, metadata)
        write_text(history, _history(folder))


def _history(folder: Path) -> str:
    """The lines of a training's log, and among them those of its quick FID, by the number of images shown."""
    files = [path for path in (folder / LOG_NAME, folder / QUICK_NAME) if path.exists()]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines(keepends=True)]
    return "".join(sorted(lines, key=lambda line: json.loads(line)["nimg"]))


def plan(work: Work, rundir: Path, device: str) -> str:
    """What `run` would do, in JSON: the resolved recipe, where it would go on, and what memory a process needs.

    Raises:
        InputError: as `run`, before the first step.
    """
    where = get_device(device)
    recipe, digest = work.recipe()
    trainer = recipe.trainer(where)
    card, folder = work.training, Path(rundir) / digest[:12]
    needed = memory.estimate(trainer)
    resolved = {
        "model": work.model.name,
        **recipe.options(),
        "rundir": str(folder),
        "goes_on_from": newest_valid(folder / STATE_FOLDER),
        "steps": -(-card.total_nimg // card.batch_size),
        "passes_a_step": card.passes,
        "parameters": {part: sum(p.numel() for p in learned) for part, learned in trainer.learned.items()},
        "memory_bytes": {"peak": needed.peak, "phase": needed.peak_phase, "between_steps": needed.lasting},
        "available_bytes": memory.available(where),
        "device": str(where),
    }
    return json.dumps(resolved, indent=2, sort_keys=True)
