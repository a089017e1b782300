"""The loop: from the newest state, or the start, to the end of the recipe. Run again to resume."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stylenat.core.cards import TrainingCard
from stylenat.core.device import backend
from stylenat.core.files import write_json
from stylenat.core.interface import Family
from stylenat.training.log import Log
from stylenat.training.state import load_state, save_state
from stylenat.training.step import Trainer, TrainingError
from stylenat.training.streams import Images

LOG_NAME = "log.jsonl"
STATE_FOLDER = "state"
OPTIONS_NAME = "training_options.json"


def train(
    *,
    family: Family,
    arch: Mapping[str, Any],
    card: TrainingCard,
    images: Images,
    flips: bool,
    rundir: Path,
    device: torch.device,
    stop_at_nimg: int | None = None,
    initial: Mapping[str, torch.Tensor] | None = None,
) -> Trainer:
    """Train until the recipe's end, or until `stop_at_nimg`; the trainer at that point.

    `rundir` receives the log, the states and the resolved options. A run that was stopped goes on from its newest valid
    state, and ends with the same bits as one that was not. `initial` is the state of the network that this one grows
    from, if it does.

    Raises:
        TrainingError: a loss or gradient is not finite; the last state is kept.
        InputError: the images do not have the networks' size.
    """
    options = {"arch": dict(arch), "training": card.model_dump(mode="json"), "flips": flips}
    write_json(rundir / OPTIONS_NAME, {**options, "images": len(images), "fingerprint": images.fingerprint})
    trainer = Trainer(family, arch, card, device, initial)
    _check_images(trainer, images)
    resumed = load_state(trainer, rundir / STATE_FOLDER)
    log = Log(rundir / LOG_NAME, trainer, f"train {card.name}")
    end = card.total_nimg if stop_at_nimg is None else min(stop_at_nimg, card.total_nimg)
    try:
        with backend():
            while trainer.nimg < end:
                before = trainer.nimg
                log.add(trainer.iterate(images, flips))
                if trainer.nimg // card.state_nimg > before // card.state_nimg or trainer.nimg >= end:
                    resumed = save_state(trainer, rundir / STATE_FOLDER)
    except TrainingError as error:
        kept = f"the last good state is {resumed}" if resumed else "there was no state yet"
        raise TrainingError(f"{error}; {kept}") from None
    finally:
        log.close()
    return trainer


def _check_images(trainer: Trainer, images: Images) -> None:
    expected = trainer.generator.spec.resolution
    if images.resolution != expected:
        raise TrainingError(f"the images have {images.resolution} px, the network makes {expected} px")
    if len(images) < 1:
        raise TrainingError("found no images to train on")
