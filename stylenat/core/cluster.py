"""The user's cluster: what `cluster.yaml` in the working directory says of its partitions, GPUs and hours."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, StringConstraints

from stylenat.core.strict import Strict, parse, read_yaml

FILE = Path("cluster.yaml")
Word = Annotated[str, StringConstraints(pattern=r"^[^\s,]+$", max_length=80)]


class Partitions(Strict):
    """Where jobs go; a partition that is not named here is the cluster's default one."""

    gpu: Word | None = None
    cpu: Word | None = None


class Cluster(Strict):
    """What the workflow must know of a cluster and can't ask it."""

    partitions: Partitions = Field(default_factory=Partitions)
    account: Word | None = None  # that jobs are charged to
    gpu_model: Word | None = None  # as the cluster spells it; none: any
    gpus_per_job: PositiveInt = 8  # of one training, all on one node
    training_minutes: PositiveInt = 1440  # of one training job, before it is submitted again; no job asks for more

    @property
    def names_gpus(self) -> bool:
        """Whether the file says anything that only GPU jobs need."""
        return self.partitions.gpu is not None or self.gpu_model is not None

    def resources(self, gpu: bool) -> dict[str, Any]:
        """Snakemake resources of a job that needs GPUs, or needs none: only those that the file sets."""
        found = {
            "slurm_partition": self.partitions.gpu if gpu else self.partitions.cpu,
            "slurm_account": self.account,
            "gpu_model": self.gpu_model if gpu else None,
        }
        return {name: value for name, value in found.items() if value is not None}


def read_cluster(path: Path) -> Cluster:
    """The file at `path`; where there is none, the defaults."""
    return parse(read_yaml(path), Cluster, str(path)) if path.exists() else Cluster()
