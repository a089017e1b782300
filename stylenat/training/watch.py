"""What a training shows of itself: pictures of the same latents, and a FID of few samples.

Neither touches the training: the pictures' latents are a stream of their own, and the average network makes them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylenat.core.device import backend
from stylenat.core.files import atomic_path
from stylenat.core.images import to_uint8
from stylenat.core.rundir import QUICK_NAME
from stylenat.core.seeds import latents, subset
from stylenat.frechet.moments import moments_of
from stylenat.frechet.sample import Sample
from stylenat.metrics import fid
from stylenat.training.log import Log, append_line, drop_after
from stylenat.training.step import Trainer
from stylenat.training.streams import Images

GRIDS = "grids"
BATCH_SIZE = 16
LABEL = "a FID of few samples, to watch this run by: not comparable with any other number"


class Watch:
    """Looks at the average network where the recipe says so; `extractor` is the detector of its quick FID, if any."""

    def __init__(self, trainer: Trainer, images: Images, rundir: Path, extractor: torch.nn.Module | None) -> None:
        self.trainer, self.images, self.rundir, self.extractor = trainer, images, rundir, extractor
        self.real: Sample | None = None
        drop_after(rundir / QUICK_NAME, trainer.nimg)

    def look(self, log: Log) -> None:
        """Make what is due after a step."""
        card = self.trainer.card
        if self._due(card.grid_nimg or card.state_nimg):
            self.write_grid()
        quick = card.quick_fid
        if quick is not None and self.extractor is not None and self._due(quick.every_nimg):
            value = self.quick_fid()
            line = {"nimg": self.trainer.nimg, "fid": value, "samples": quick.count, "detector": quick.detector}
            append_line(self.rundir / QUICK_NAME, {**line, "label": LABEL})
            log.curve({f"watch/fid_of_{quick.count}_samples": value})

    def _due(self, every: int) -> bool:
        card, nimg = self.trainer.card, self.trainer.nimg
        return nimg // every > (nimg - card.batch_size) // every or nimg >= card.total_nimg

    def write_grid(self) -> Path:
        """A square of images of the average network, from the same latents at every position; the PNG's path."""
        spec = self.trainer.generator.spec
        side = 4 if spec.resolution <= 256 else 2
        pixel_BCHW = torch.cat(list(self._made("grid", side * side)))
        rows_CHW = [torch.cat(list(row), dim=2) for row in pixel_BCHW.split(side)]
        picture_HWC = torch.cat(rows_CHW, dim=1).permute(1, 2, 0).numpy()
        path = self.rundir / GRIDS / f"{self.trainer.nimg:012d}.png"
        with atomic_path(path) as temporary:
            Image.fromarray(picture_HWC).save(temporary, format="PNG")
        return path

    def quick_fid(self) -> float:
        """FID of a few samples against as many of the training's images."""
        count = self.trainer.card.quick_fid.count
        if self.real is None:
            chosen = subset(self.trainer.card.seed, min(count, len(self.images)), len(self.images))
            batches = (self.images.images_at(part) for part in np.array_split(chosen, -(-len(chosen) // BATCH_SIZE)))
            self.real = self._sample([self._features(pixel_BCHW) for pixel_BCHW in batches])
        fakes = self._sample([self._features(pixel_BCHW) for pixel_BCHW in self._made("quick-fid", count)])
        return float(fid.compute(self.real, fakes).value)

    def _made(self, stream: str, count: int) -> Iterator[Tensor]:
        network, card, device = self.trainer.average, self.trainer.card, self.trainer.device
        for start in range(0, count, BATCH_SIZE):
            rows = range(start, min(start + BATCH_SIZE, count))
            with torch.inference_mode(), backend(), torch.random.fork_rng(devices=[]):
                image_BCHW = network(latents(card.seed, rows, network.spec.z_dim, stream).to(device))
                yield to_uint8(image_BCHW, network.spec).cpu()

    def _features(self, pixel_BCHW: Tensor) -> np.ndarray:
        with torch.inference_mode(), backend():
            return self.extractor(pixel_BCHW.to(self.trainer.device)).float().cpu().numpy()

    def _sample(self, tables: list[np.ndarray]) -> Sample:
        feature_ND = np.concatenate(tables)
        return Sample((moments_of(feature_ND),), feature_ND)
