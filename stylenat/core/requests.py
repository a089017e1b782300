"""What jobs ask a scheduler for, by their cards: GPUs, cores, memory (MB), time (minutes) and disk (MB).

They are bounds with room to spare, not measurements: a scheduler ends a job that uses more than it asked for. What a
job that ran out of time has done is kept by the stages that take long, and the next one goes on with it. Methods
take Snakemake's wildcards (any object with the wildcard's name as attribute).
"""

import math
import os
from typing import Any

from stylenat.core.catalog import Run
from stylenat.core.cluster import Cluster
from stylenat.core.passes import Passes
from stylenat.core.training_cards import TrainingCard

CORES_A_GPU = 8  # for reading images and for what a process does beside its GPU
BASE_PX = 256  # the size that the rate below is for; time grows with the pixels
IMAGES_A_SECOND = 10.0  # generated and seen by every detector, by one GPU or by the cores of one job
STATE_MB, SMALL_STATE_MB = 4000, 200  # networks, average and both optimisers' moments; of a demo's network
SMALL_PX = 64  # up to here networks are a demo's
FEATURE_MB = 0.016  # 4,096 numbers an image


class Requests:
    """The requests of one run's jobs on one cluster."""

    def __init__(self, run: Run, cluster: Cluster, passes: Passes) -> None:
        self.run, self.catalog, self.cluster, self.passes = run, run.catalog, cluster, passes
        self.cuda = run.card.device == "cuda"
        self.gpus = int(self.cuda)
        self.timing_threads = CORES_A_GPU if self.cuda else os.cpu_count() or 1  # all that the machine has
        self.on_device, self.on_cpu = cluster.resources(gpu=self.cuda), cluster.resources(gpu=False)

    def _recipe(self, w: Any) -> TrainingCard:
        return self.catalog.training(self.catalog.model(w.model).weights.train)

    def _resolution(self, w: Any) -> int:
        """Side of the images that a job works on, in px."""
        name = w.dataset if hasattr(w, "dataset") else self.catalog.model(w.model).dataset
        return self.catalog.dataset(name).resolution if name else self.catalog.model(w.model).arch["resolution"]

    def training_gpus(self, w: Any) -> int:
        """One for each process, as many as divide the passes of a step; none on a CPU."""
        return self._recipe(w).processes(self.cluster.gpus_per_job) if self.cuda else 0

    def training_threads(self, w: Any) -> int:
        """Cores: one without a GPU, for there the bits follow the number of threads."""
        return max(1, CORES_A_GPU * self.training_gpus(w))

    def training_mb(self, w: Any) -> int:
        """Main memory: the program, and for each process libraries, images on their way, a state being written."""
        return 4000 + max(1, self.training_gpus(w)) * (3000 + 16 * self._resolution(w))

    def training_disk_mb(self, w: Any) -> int:
        """The states that are kept, and one being written."""
        card = self._recipe(w)
        kept = card.keep_states + 1
        if card.keep_every_nimg is not None:
            kept += card.total_nimg // card.keep_every_nimg
        return kept * (STATE_MB if self._resolution(w) > SMALL_PX else SMALL_STATE_MB)

    def at_most(self, minutes: int) -> int:
        """So many minutes, but no more than the cluster's longest job: what goes beyond it would wait for ever."""
        return min(minutes, self.cluster.training_minutes)

    def prepare_disk_mb(self, w: Any) -> int:
        """What a prepared set takes, with a tenth to spare: uncompressed RGB, 13.8 GB for FFHQ at 256 px."""
        card = self.catalog.dataset(w.dataset)
        return math.ceil(1.1 * card.count * 3 * card.resolution**2 / 1e6)

    def prepare_minutes(self, w: Any) -> int:
        """Ten images a second, far less than two cores do, so that slow disks fit."""
        return self.at_most(10 + math.ceil(self.catalog.dataset(w.dataset).count / 10 / 60))

    def pass_minutes(self, w: Any) -> int:
        """Half an hour to start, then by the pixels of all images."""
        return self._minutes(self.passes.count(w), self._resolution(w))

    def pass_mb(self, w: Any) -> int:
        """Main memory of a pass: libraries and detectors in every process, and images on their way."""
        return 4000 + self.passes.workers(w) * (1500 + 4 * self._resolution(w))

    def pass_disk_mb(self, w: Any) -> int:
        """Features of every detector."""
        return 200 + math.ceil(self.passes.count(w) * FEATURE_MB * len(self.passes.weights(w)))

    def sample_minutes(self, w: Any) -> int:
        """As a pass."""
        return self._minutes(int(w.num), self._resolution(w))

    def sample_disk_mb(self, w: Any) -> int:
        """Uncompressed RGB."""
        return 100 + math.ceil(int(w.num) * 3 * self._resolution(w) ** 2 / 1e6)

    def _minutes(self, count: int, resolution: int) -> int:
        return self.at_most(30 + math.ceil(count * max(1.0, (resolution / BASE_PX) ** 2) / IMAGES_A_SECOND / 60))
