"""What SLURM's commands print, as plain values. Nothing is asked and nothing is decided here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_READY = ("down", "drain", "fail", "maint", "unknown", "inval", "error")


@dataclass(frozen=True)
class Nodes:
    """Nodes of a partition that are alike: their state, and how many GPUs of each model one of them has."""

    state: str
    gpus: Mapping[str, int]

    @property
    def ready(self) -> bool:
        """Whether jobs can start there, now or when others end."""
        return not self.state.startswith(NOT_READY)


@dataclass(frozen=True)
class Partition:
    """One partition: the words of `scontrol show partition`, and its nodes."""

    words: Mapping[str, str]
    nodes: tuple[Nodes, ...] = ()

    @property
    def max_minutes(self) -> float | None:
        """The longest that a job may ask for; none where the words can't be understood."""
        return minutes(self.words.get("MaxTime", ""))

    @property
    def grace_s(self) -> int:
        """Seconds between a preempted job's SIGTERM and its end."""
        return whole(self.words.get("GraceTime", "")) or 0

    def most_gpus(self, model: str | None) -> int:
        """The most GPUs, of a model or of any, that one node has."""
        counts = [nodes.gpus.get(model, 0) if model else sum(nodes.gpus.values()) for nodes in self.nodes]
        return max(counts, default=0)


@dataclass(frozen=True)
class Slurm:
    """A cluster's answers."""

    config: Mapping[str, str] = field(default_factory=dict)  # of `scontrol show config`
    partitions: Mapping[str, Partition] = field(default_factory=dict)
    no_accounting: str = ""  # why `sacct` can't tell a job's state; empty: it can
    accounts: frozenset[str] = frozenset()  # the user's own; empty: not known

    @property
    def min_job_age(self) -> int | None:
        """Seconds for which `squeue` still shows a job that has ended."""
        return whole(self.config.get("MinJobAge", ""))

    @property
    def default_partition(self) -> str | None:
        """Where jobs go that name no partition."""
        found = [name for name, partition in self.partitions.items() if partition.words.get("Default") == "YES"]
        return found[0] if found else None


def parse_config(text: str) -> dict[str, str]:
    """`Key = value` lines as a mapping; other lines are passed over."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def parse_partitions(text: str, nodes: Mapping[str, list[Nodes]]) -> dict[str, Partition]:
    """One partition a line, as `Key=value` words."""
    found = {}
    for line in text.splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "PartitionName" in words:
            name = words["PartitionName"]
            found[name] = Partition(words, tuple(nodes.get(name, ())))
    return found


def parse_nodes(text: str) -> dict[str, list[Nodes]]:
    """Lines of partition, state and generic resources, by partition."""
    found: dict[str, list[Nodes]] = {}
    for line in text.splitlines():
        if line.count("|") == 2:
            partition, state, resources = line.strip().split("|")
            found.setdefault(partition, []).append(Nodes(state.lower(), parse_gpus(resources)))
    return found


def parse_gpus(text: str) -> dict[str, int]:
    """GPUs by model in a list like `gpu:a100:4(S:0-1),gpu:2`; those without a model are kept under an empty one."""
    found: dict[str, int] = {}
    for model, count in re.findall(r"(?:^|,)gpu(?::([^:,()]+))?:(\d+)", text):
        found[model] = found.get(model, 0) + int(count)
    return found


def whole(text: str) -> int | None:
    """The whole number that a text like `300 sec` starts with."""
    found = re.match(r"\d+", text.strip())
    return int(found.group()) if found else None


def minutes(text: str) -> float | None:
    """Minutes of SLURM's `days-hours:minutes:seconds`; infinite for UNLIMITED."""
    if text == "UNLIMITED":
        return float("inf")
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not found:
        return None
    days, hours, mins, seconds = (int(part or 0) for part in found.groups())
    return 1440 * days + 60 * hours + mins + seconds / 60
