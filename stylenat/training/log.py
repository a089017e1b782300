"""The training's own log: lines and curves that outlive a stopped job, and a progress bar on stderr.

`log.jsonl` holds what follows from recipe and images alone, so that an interrupted run ends with the same bytes as one
that was not; how long it took lies in `timing.jsonl`, and both as curves for TensorBoard in `tensorboard/`.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from stylenat.core.files import write_text
from stylenat.core.rundir import LOG_NAME, TIMING_NAME
from stylenat.training.step import Trainer

SHOWN = ("loss_d", "loss_g", "r1")
CURVES_NAME = "tensorboard"


class Log:
    """Appends a line each `log_nimg` images and at the recipe's end; a value is the mean since the line before."""

    def __init__(self, rundir: Path, trainer: Trainer, title: str, sums: Mapping[str, Any]) -> None:
        """`sums` are those of a state that the trainer is at, as `open_sums` gave them."""
        self.path, self.timing, self.trainer = rundir / LOG_NAME, rundir / TIMING_NAME, trainer
        rundir.mkdir(parents=True, exist_ok=True)
        for path in (self.path, self.timing):
            drop_after(path, trainer.nimg)
        self.curves = SummaryWriter(rundir / CURVES_NAME, purge_step=trainer.nimg + 1)
        self.bar = tqdm(
            desc=title, total=trainer.card.total_nimg, initial=trainer.nimg, unit="img", file=sys.stderr, disable=None
        )
        self.sums: dict[str, list[float]] = {name: list(value) for name, value in sums.items()}
        self._start_timing()

    def _start_timing(self) -> None:
        self.since_nimg, self.since = self.trainer.nimg, time.perf_counter()

    def open_sums(self) -> dict[str, list[float]]:
        """Sum and count of each value since the last line: a part of the training's state."""
        return {name: list(value) for name, value in self.sums.items()}

    def add(self, values: Mapping[str, float]) -> None:
        """Take the values of one step; write a line when it is due."""
        card, nimg = self.trainer.card, self.trainer.nimg
        for name, value in values.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value, count + 1]
        self.bar.update(card.batch_size)
        due = nimg // card.log_nimg > (nimg - card.batch_size) // card.log_nimg
        if due or nimg >= card.total_nimg:
            self._write_lines()

    def _write_lines(self) -> None:
        trainer, seconds = self.trainer, time.perf_counter() - self.since
        means = {name: total / count for name, (total, count) in sorted(self.sums.items())}
        rates = {"lr_g": trainer.g_adam.param_groups[0]["lr"], "lr_d": trainer.d_adam.param_groups[0]["lr"]}
        line = {"nimg": trainer.nimg, "step": trainer.step, **means, **rates}
        append_line(self.path, line)
        images_per_second = (trainer.nimg - self.since_nimg) / seconds
        timing = {"seconds": round(seconds, 3), "images_per_second": round(images_per_second, 3)}
        append_line(self.timing, {"nimg": trainer.nimg, **timing})
        self.curve({**means, **rates, "images_per_second": images_per_second})
        self.bar.set_postfix({name: f"{means[name]:.3f}" for name in SHOWN if name in means}, refresh=False)
        self.sums = {}
        self._start_timing()

    def curve(self, values: Mapping[str, float]) -> None:
        """Put values on TensorBoard's curves, over the images seen."""
        for name, value in values.items():
            self.curves.add_scalar(name, value, self.trainer.nimg)
        self.curves.flush()

    def say(self, message: str) -> None:
        """A line on stderr that leaves the progress bar whole."""
        self.bar.write(message, file=sys.stderr)

    def close(self) -> None:
        """End the progress bar and the curves."""
        self.bar.close()
        self.curves.close()


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line, on the disk before any state that follows it."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def drop_after(path: Path, nimg: int) -> None:
    """Lines of steps that a stopped job took after its last state will be written again."""
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        kept = [line + "\n" for line in text.splitlines() if (known := _nimg_of(line)) is not None and known <= nimg]
        if "".join(kept) != text:
            write_text(path, "".join(kept))


def _nimg_of(line: str) -> int | None:
    """The position of a line; None for a line that a killed job left half-written."""
    try:
        return json.loads(line)["nimg"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
