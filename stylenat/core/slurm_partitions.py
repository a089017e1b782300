"""Would jobs start in a partition, and would their end be noticed when they are preempted there?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stylenat.core.cluster import FILE, Cluster
from stylenat.core.slurm_values import Partition, Slurm


@dataclass(frozen=True)
class Finding:
    """One line of a check. What is wrong would keep jobs from starting, or the workflow from ever ending."""

    level: Literal["ok", "warning", "wrong"]
    text: str

    def __str__(self) -> str:
        """The line; what is well bears no label."""
        return self.text if self.level == "ok" else f"{self.level}: {self.text}"


@dataclass(frozen=True)
class Place:
    """A partition with what is asked of it."""

    name: str
    partition: Partition
    named: str  # which key of the user's file names it; empty: the cluster's default
    trains: bool
    gpu_jobs: bool

    def __str__(self) -> str:
        """How a line calls it."""
        return f"partition '{self.name}' ({self.named or 'the default'})"


def check_partition(place: Place, cluster: Cluster, slurm: Slurm) -> Iterator[Finding]:
    """Everything that can be told of one partition."""
    yield _state(place)
    yield _time(place, cluster)
    if place.gpu_jobs:
        yield _gpus(place, cluster)
    yield _preemption(place, slurm)
    yield from _accounts(place, cluster)


def _other(place: Place) -> str:
    """The usual remedy."""
    kind = "gpu" if place.gpu_jobs else "cpu"
    return f"name another one as {place.named or f'partitions.{kind}'} in {FILE}"


def _state(place: Place) -> Finding:
    state = place.partition.words.get("State", "unknown")
    if state != "UP":
        return Finding("wrong", f"{place} is {state}, jobs don't start there: {_other(place)}")
    if not any(nodes.ready for nodes in place.partition.nodes):
        states = ", ".join(sorted({nodes.state for nodes in place.partition.nodes})) or "there are none"
        return Finding("warning", f"{place} is up, but none of its nodes is ready ({states}): jobs wait until one is")
    return Finding("ok", f"{place} is up, and has nodes that are ready")


def _time(place: Place, cluster: Cluster) -> Finding:
    """A job that asks for more than MaxTime waits for ever, unless the cluster refuses it."""
    shown, longest = place.partition.words.get("MaxTime", "nothing"), place.partition.max_minutes
    if longest is None:
        return Finding("warning", f"{place}: MaxTime is '{shown}', which can't be understood as a time: not checked")
    asked = f"training_minutes ({cluster.training_minutes})"
    if longest >= cluster.training_minutes:
        return Finding("ok", f"{place}: MaxTime {shown} allows {asked}")
    text = f"{place}: MaxTime {shown} is less than {asked}"
    if not place.trains:
        return Finding("warning", f"{text}; no training runs there, but jobs that ask for more than it never start")
    return Finding(
        "wrong", f"{text}, such a job never starts: set training_minutes to {int(longest)} or less in {FILE}"
    )


def _gpus(place: Place, cluster: Cluster) -> Finding:
    models = sorted({model or "unnamed" for nodes in place.partition.nodes for model in nodes.gpus})
    most, asked = place.partition.most_gpus(cluster.gpu_model), cluster.gpu_model or "any model"
    if not models:
        return Finding("wrong", f"{place} has no GPUs: {_other(place)}")
    if most == 0:
        text = f"{place} has no GPUs of model '{cluster.gpu_model}', only {', '.join(models)}"
        return Finding("wrong", f"{text}: write one of these as gpu_model in {FILE}, or leave it out")
    if most < cluster.gpus_per_job:
        text = f"{place} has at most {most} GPUs of {asked} in a node, and a training asks for {cluster.gpus_per_job}"
        return Finding("wrong", f"{text}, which must be in one: set gpus_per_job to {most} or less in {FILE}")
    return Finding(
        "ok", f"{place} has {most} GPUs in a node ({', '.join(models)}); a training takes {cluster.gpus_per_job}"
    )


def _accounts(place: Place, cluster: Cluster) -> Iterator[Finding]:
    """A job of another account waits for ever, unless the cluster refuses it."""
    allowed = place.partition.words.get("AllowAccounts", "ALL")
    if allowed == "ALL" or cluster.account in allowed.split(","):
        return
    text = f"{place} is only for the accounts {allowed}"
    if cluster.account is None:
        yield Finding("warning", f"{text}: unless yours is one, name one as account in {FILE}")
    else:
        yield Finding("wrong", f"{text}, a job of '{cluster.account}' never starts there: name one of them in {FILE}")


def _preemption(place: Place, slurm: Slurm) -> Finding:
    """What preemption makes of a job: it comes back by itself, ends as failed, or ends unnoticed."""
    kind, mode = slurm.config.get("PreemptType", "preempt/none"), place.partition.words.get("PreemptMode", "OFF")
    if kind == "preempt/qos":
        text = f"{place}: a QOS may preempt: look at `sacctmgr show qos format=name,preemptmode,gracetime`"
        return Finding("warning", f"{text}; one with CANCEL and GraceTime 0 keeps Snakemake waiting for ever")
    requeues, grace = "REQUEUE" in mode, place.partition.grace_s
    if kind == "preempt/none" or not (requeues or "CANCEL" in mode):
        return Finding("ok", f"{place}: {kind}, PreemptMode {mode}: no job is ended before its time")
    never = requeues and slurm.config.get("JobRequeue") == "0"
    text = f"{place}: PreemptMode {mode}, GraceTime {grace} s{', JobRequeue 0' if never else ''}"
    if requeues and not never and grace == 0:
        return Finding("ok", f"{text}: a preempted job comes back by itself, and a training goes on")
    if grace == 0:
        text += ": Snakemake does not notice the end of a preempted job and waits for ever"
        return Finding("wrong", f"{text}: {_other(place)}")
    text += ": a preempted job ends as failed and costs one retry; a training then goes on"
    if requeues and not never:
        return Finding("warning", text)
    return Finding("warning", f"{text}, but a job that takes longer to stop keeps Snakemake waiting for ever")
