"""Images a second and peak memory of training on a GPU, by batch, precision and compilation, beside the estimate.

StyleNAT-256 by its recipe, one pass a step, on random images; steps with the lazy regulariser are among those timed, at
their true share. Without a GPU it says so and writes nothing; `--device cpu --model stylenat-demo-32` exercises it.
"""

import itertools
import time

import numpy as np
import torch
from harness import heading, parser, write_record

from stylenat.core.catalog import Catalog
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT, load_family
from stylenat.training import memory
from stylenat.training.step import Trainer

STEPS = 16  # the interval of R1
PRECISIONS = ("fp32", "tf32", "bf16")


class Random:
    """A set of random images."""

    fingerprint = "random"

    def __init__(self, resolution: int, count: int = 64) -> None:
        self.resolution = resolution
        self.pixel_NCHW = np.random.default_rng(0).integers(0, 256, (count, 3, resolution, resolution), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.pixel_NCHW)

    def images_at(self, indices, mirrored=None) -> torch.Tensor:
        return torch.from_numpy(self.pixel_NCHW[list(indices)])


def measured(name: str, device: torch.device, batch_size: int, precision: str, compiled: bool) -> dict:
    """One row; a step that does not fit says so."""
    catalog = Catalog(ROOT / "config")
    model = catalog.model(name)
    changes = {"batch_size": batch_size, "pass_size": None, "precision": precision, "compile": compiled}
    card = catalog.training(model.weights.train or "stylenat-ffhq-256").model_copy(update=changes)
    row = {"batch_size": batch_size, "precision": precision, "compile": compiled}
    try:
        trainer = Trainer(load_family(model.family), model.arch, card, device)
        row["estimated_bytes"] = memory.estimate(trainer).peak
        images = Random(trainer.generator.spec.resolution)
        for _ in range(2):  # compiles, and fills the allocator
            trainer.step = 0
            trainer.iterate(images, flips=False)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        trainer.step, start = 0, time.perf_counter()
        for _ in range(STEPS):
            trainer.iterate(images, flips=False)  # its last act reads a loss: the device is done
        row["images_per_second"] = STEPS * batch_size / (time.perf_counter() - start)
        if device.type == "cuda":
            row["peak_bytes"] = torch.cuda.max_memory_allocated(device)
    except torch.OutOfMemoryError:
        row["problem"] = "does not fit into memory"
    return row


def main() -> None:
    """Measure every row, print it, and write the record."""
    arguments = parser(__doc__)
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    arguments.add_argument("--model", default="stylenat-ffhq-256")
    arguments.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16])
    arguments.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    args = arguments.parse_args()
    try:
        device = get_device(args.device)
    except InputError as error:
        print(f"nothing measured: {error}")
        return
    print(heading(device))
    rows = []
    for batch_size, precision, compiled in itertools.product(args.batch_sizes, args.precisions, (False, True)):
        row = measured(args.model, device, batch_size, precision, compiled)
        rows.append(row)
        print(
            "  ".join(
                f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )
        torch.compiler.reset()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    write_record(args.out, f"training-{args.model}", device, {"model": args.model, "rows": rows})


if __name__ == "__main__":
    main()
