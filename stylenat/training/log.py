"""The training's own log: JSON lines that outlive a stopped job, and a progress bar on stderr."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stylenat.core.files import write_text
from stylenat.training.step import Trainer

SHOWN = ("loss_d", "loss_g", "r1")


class Log:
    """Appends a line each `log_nimg` images and at the recipe's end; a value is the mean since the line before."""

    def __init__(self, path: Path, trainer: Trainer, title: str) -> None:
        self.path, self.trainer = path, trainer
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_after(trainer.nimg)
        card = trainer.card
        self.bar = tqdm(
            desc=title, total=card.total_nimg, initial=trainer.nimg, unit="img", file=sys.stderr, disable=None
        )
        self._start()

    def _start(self) -> None:
        self.since_nimg, self.since = self.trainer.nimg, time.perf_counter()
        self.sums: dict[str, tuple[float, int]] = {}

    def _drop_after(self, nimg: int) -> None:
        """Lines of steps that a stopped job took after its last state will be written again."""
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if (known := _nimg_of(line)) is not None and known <= nimg]
            write_text(self.path, "".join(line + "\n" for line in kept))

    def add(self, values: dict[str, float]) -> None:
        """Take the values of one step; write a line when it is due."""
        trainer = self.trainer
        for name, value in values.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)
        self.bar.update(trainer.card.batch_size)
        due = trainer.nimg // trainer.card.log_nimg > self.since_nimg // trainer.card.log_nimg
        if due or trainer.nimg >= trainer.card.total_nimg:
            self._write_line()

    def _write_line(self) -> None:
        trainer, seconds = self.trainer, time.perf_counter() - self.since
        means = {name: total / count for name, (total, count) in self.sums.items()}
        rates = {"lr_g": trainer.g_adam.param_groups[0]["lr"], "lr_d": trainer.d_adam.param_groups[0]["lr"]}
        images_per_second = (trainer.nimg - self.since_nimg) / seconds
        line: dict[str, Any] = {"nimg": trainer.nimg, "step": trainer.step, **means, **rates}
        line |= {"seconds": round(seconds, 3), "images_per_second": round(images_per_second, 3)}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.bar.set_postfix({name: f"{means[name]:.3f}" for name in SHOWN if name in means}, refresh=False)
        self._start()

    def close(self) -> None:
        """End the progress bar."""
        self.bar.close()


def _nimg_of(line: str) -> int | None:
    """The position of a line; None for a line that a killed job left half-written."""
    try:
        return json.loads(line)["nimg"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
