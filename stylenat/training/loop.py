"""The loop: from the newest state, or the start, to the end of the recipe. Run again to resume."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylenat.core.errors import InputError, Unfinished
from stylenat.core.files import write_json
from stylenat.core.interface import Family
from stylenat.core.rundir import OPTIONS_NAME, STATE_FOLDER
from stylenat.core.training_cards import TrainingCard
from stylenat.training import memory
from stylenat.training.group import Group
from stylenat.training.lease import Lease, alone
from stylenat.training.log import Log
from stylenat.training.state import load_state, save_state
from stylenat.training.step import Trainer, TrainingError
from stylenat.training.stopping import Stopper
from stylenat.training.streams import Images
from stylenat.training.watch import Watch


@dataclass(frozen=True)
class Recipe:
    """What is trained, and on what; `initial` is the state of the network that this one grows from, if it does."""

    family: Family
    arch: Mapping[str, Any]
    card: TrainingCard
    images: Images
    flips: bool
    initial: Mapping[str, torch.Tensor] | None = None

    def trainer(self, device: torch.device, group: Group | None = None) -> Trainer:
        """A trainer at the beginning.

        Raises:
            TrainingError: the images do not have the networks' size, or there are none.
        """
        trainer = Trainer(self.family, self.arch, self.card, device, self.initial, group)
        expected = trainer.generator.spec.resolution
        if self.images.resolution != expected:
            raise TrainingError(f"the images have {self.images.resolution} px, the network makes {expected} px")
        if len(self.images) < 1:
            raise TrainingError("found no images to train on")
        return trainer

    def options(self) -> dict[str, Any]:
        """What the training is made of, as plain data."""
        images = {"images": len(self.images), "fingerprint": self.images.fingerprint}
        return {"arch": dict(self.arch), "training": self.card.model_dump(mode="json"), "flips": self.flips, **images}


def train(
    recipe: Recipe,
    rundir: Path,
    device: torch.device,
    *,
    group: Group | None = None,
    extractor: nn.Module | None = None,
    deadline: float | None = None,
    stop_at_nimg: int | None = None,
) -> Trainer:
    """Train until the recipe's end, or until `stop_at_nimg`; the trainer at that point.

    `rundir` receives the log, the states, pictures and the resolved options. A run that was stopped goes on from its
    newest valid state, and ends with the same bits as one that was not. `extractor` is the network of the recipe's
    quick FID. `deadline`, of the monotonic clock, is when the process must have ended.

    Raises:
        Unfinished: a signal came or the time is over; the state is written.
        TrainingError: a loss or gradient is not finite; the last state is kept.
        InputError: the images do not fit, the step does not fit into memory, or a file can't be written.
    """
    trainer = recipe.trainer(device, group)
    if trainer.group.first:
        write_json(rundir / OPTIONS_NAME, recipe.options())
        needed = memory.remembered(trainer, rundir)
        print(f"training '{recipe.card.name}': {needed}, estimated", file=sys.stderr)
        memory.check_fits(needed, device, recipe.card, trainer.group.size)
    end = recipe.card.total_nimg if stop_at_nimg is None else min(stop_at_nimg, recipe.card.total_nimg)
    with alone(rundir, trainer.group, deadline) as lease:
        run = _Run(recipe, trainer, rundir, extractor, deadline, lease)
        try:
            run.until(end)
        except InputError as error:
            kept = f"the last good state is {run.state}" if run.state else "there was no state yet"
            raise TrainingError(f"{error}; {kept}") from None
        finally:
            run.close()
    return trainer


class _Run:
    """One process's way through a training: steps, states, log and pictures."""

    def __init__(
        self,
        recipe: Recipe,
        trainer: Trainer,
        rundir: Path,
        extractor: nn.Module | None,
        deadline: float | None,
        lease: Lease,
    ) -> None:
        self.recipe, self.trainer, self.folder, self.lease = recipe, trainer, rundir / STATE_FOLDER, lease
        self.state, extra = load_state(trainer, self.folder)
        trainer.share_first()
        self.deadline = deadline
        self.log = self.watch = None
        if trainer.group.first:
            self.log = Log(rundir, trainer, f"train {trainer.card.name}", extra.get("open_sums", {}))
            self.watch = Watch(trainer, recipe.images, rundir, extractor)

    def until(self, end: int) -> None:
        """Steps until `end` images were seen, or a reason to stop comes."""
        trainer, card = self.trainer, self.trainer.card
        with Stopper(self.deadline, trainer.lasting_bytes()) as stopper:
            while trainer.nimg < end:
                values = trainer.iterate(self.recipe.images, self.recipe.flips)
                if self.log is not None and self.watch is not None:
                    self.log.add(values)
                    self.watch.look(self.log)
                stopper.step_ended()
                stop = trainer.group.any(stopper.due())
                due = trainer.nimg // card.state_nimg > (trainer.nimg - card.batch_size) // card.state_nimg
                if self.lease.lost:
                    raise TrainingError(f"another trainer took {self.lease.path.parent} over: {self.lease.lost}")
                if due or stop or trainer.nimg >= end:
                    self._save(stopper)
                if stop and trainer.nimg < end:
                    trainer.group.any(False)  # until the state is written: a launcher ends all when one has ended
                    reason = stopper.reason or "another process was told to stop"
                    then = f"run again to go on from {self.state}" if trainer.group.first else "the first one kept it"
                    raise Unfinished(f"{reason} at {trainer.nimg} of {card.total_nimg} images; {then}")

    def _save(self, stopper: Stopper) -> None:
        if self.log is not None:
            start = time.monotonic()
            self.state = save_state(self.trainer, self.folder, {"open_sums": self.log.open_sums()})
            stopper.wrote(time.monotonic() - start)

    def close(self) -> None:
        """End what the process shows."""
        if self.log is not None:
            self.log.close()
