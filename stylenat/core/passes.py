"""Which detectors see which images: the options of stage `features`, for one run of the workflow."""

import math
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Any

from stylenat.core import paths, provenance
from stylenat.core.catalog import Run
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_json

SHARD_IMAGES = 2500  # whose statistics are kept together; a process works on one shard at a time
MOST_WORKERS = 8


class Passes:
    """One pass a model and seed, and one a prepared set, for all protocols that compare their images."""

    def __init__(self, run: Run) -> None:
        self.run, self.catalog, self.card = run, run.catalog, run.card
        self.results = Path(run.card.results)
        self._codes = provenance.Codes()

    @cached_property
    def _protocols(self) -> dict[tuple[str, int] | str, list[str]]:
        """Protocols by (model, seed) and by data set."""
        found: dict[tuple[str, int] | str, set[str]] = defaultdict(set)
        for job in self.run.jobs:
            if self.catalog.protocol(job.protocol).on_images:
                found[job.model, job.seed].add(job.protocol)
                found[job.dataset].add(job.protocol)
        return {key: sorted(names) for key, names in found.items()}

    def protocols(self, w: Any) -> list[str]:
        """The protocols that compare these images: of a prepared set, or of a model and seed."""
        key = w.dataset if hasattr(w, "dataset") else (w.model, int(w.seed))
        if key not in self._protocols:
            raise InputError(f"run '{self.card.run}' compares no images of {key}")
        return self._protocols[key]

    def weights(self, w: Any) -> list[Path]:
        """The weights of the detectors."""
        detectors = sorted({self.catalog.protocol(name).detector for name in self.protocols(w)})
        return [self.results / paths.DETECTOR_WEIGHTS.format(detector=name) for name in detectors]

    def options(self, w: Any) -> str:
        """Protocols, folders, device and batch of a pass, as command-line options."""
        weights = (self.results / paths.DETECTOR_WEIGHTS).parent
        words = ["--protocols", *self.protocols(w), "--detector-weights", weights]
        words += ["--statistics", self.results / paths.STATISTICS]
        words += ["--device", self.card.device, "--batch-size", self.card.batch_size]
        return " ".join(map(str, words if self.card.keep_features else [*words, "--moments-only"]))

    def count(self, w: Any) -> int:
        """The number of images."""
        if hasattr(w, "dataset"):
            return self.catalog.dataset(w.dataset).count
        return max(self.catalog.protocol(name).fake_count for name in self.protocols(w))

    def workers(self, w: Any) -> int:
        """Processes that find work: no more than there are shards; on a GPU one."""
        if self.card.device == "cuda":
            return 1
        return min(MOST_WORKERS, math.ceil(self.count(w) / SHARD_IMAGES))

    def digest(self, w: Any) -> str:
        """Digest of what decides statistics besides the files: cards and code, of the model too where there is one."""
        cards = [self.catalog.protocol(name) for name in self.protocols(w)]
        plain = [[card.detector, card.needs, card.fake_count, card.real_count] for card in cards]
        detectors = [
            self.catalog.detector(name).model_dump(mode="json") for name in sorted({c.detector for c in cards})
        ]
        own = []
        if not hasattr(w, "dataset"):
            model = self.catalog.model(w.model)
            own = [model.family, model.arch, self._codes.model(model)]
        return sha256_json([plain, detectors, own, self._codes.detector()])[:16]
