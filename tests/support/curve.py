"""The first steps of the demo's StyleNAT on the demo's images: a curve that is committed, and how it was made.

In float64 and from the golden rules' weights, for steps are chaotic: Adam makes whole steps of gradients that are
float32's rounding errors alone, and torch's random numbers differ in their last bits between processors. Run as a
program from the folder of the tests, `python -m support.curve`, it writes the file in `golden/`.
"""

import json
import tempfile
from pathlib import Path

import torch

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT, load_family
from stylenat.data.view import open_prepared
from stylenat.objectives import Batch
from stylenat.stages import fetch, prepare
from stylenat.training.step import Trainer
from support import golden

MODEL, STEPS = "stylenat-demo-32", 30
GOLDEN = Path(__file__).parents[1] / "golden" / f"curve-{MODEL}.json"


class DoubleBatch(Batch):
    def latents(self, stream, count=None):
        return super().latents(stream, count).double()


def start(network, values):
    """Fill a network by the rules of the golden files."""
    made = values({name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict(made)


class DoubleTrainer(Trainer):
    """A trainer whose numbers all are float64."""

    def __init__(self, *args):
        super().__init__(*args)
        start(self.generator, golden.generator_state)
        start(self.discriminator, golden.discriminator_values)
        start(self.average, golden.generator_state)
        for module in (self.generator, self.discriminator, self.average, self.objective):
            module.double()

    def _batch(self, images, flips, index):
        single = super()._batch(images, flips, index)
        return DoubleBatch(**{**vars(single), "real_BCHW": single.real_BCHW.double()})


def curve(folder, steps=STEPS):
    """What each of the steps logs."""
    catalog = Catalog(ROOT / "config")
    model = catalog.model(MODEL)
    recipe, dataset = catalog.training(model.weights.train), catalog.dataset(model.dataset)
    count = STEPS * recipe.batch_size  # the first ones of the demo's set: a crop depends on its number alone
    source = dataset.source.model_copy(update={"crops": count})
    part = dataset.model_copy(update={"source": source, "count": count, "fingerprint": None})
    fetch.run_images(part, folder / "raw")
    prepare.run(part, folder / "raw", folder / "set" / "manifest.json")
    images = open_prepared(folder / "set" / "manifest.json")
    trainer = DoubleTrainer(load_family(model.family), model.arch, recipe, torch.device("cpu"))
    return [trainer.iterate(images, recipe.flips) for _ in range(steps)]


def main():
    with tempfile.TemporaryDirectory() as folder:
        lines = curve(Path(folder))
    GOLDEN.write_text(json.dumps({"model": MODEL, "torch": torch.__version__, "steps": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
