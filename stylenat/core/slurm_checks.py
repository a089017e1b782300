"""Would the workflow run on this cluster to its end? Decided on what SLURM said of itself.

What the executor (snakemake-executor-plugin-slurm 2.8.0) does not notice keeps Snakemake waiting for ever; that is
refused before anything is submitted, and each refusal says what would put it right.
"""

from collections.abc import Iterator

from stylenat.core.cluster import FILE, Cluster
from stylenat.core.errors import InputError, nearest
from stylenat.core.slurm import ask_slurm
from stylenat.core.slurm_partitions import Finding, Place, check_partition
from stylenat.core.slurm_values import Slurm

# The executor looks every 180 s at last: a job that squeue forgets sooner may never be seen to end.
# It also takes 0, with which squeue forgets nothing, for too little.
MIN_JOB_AGE_S = 300


def check_slurm(slurm: Slurm, cluster: Cluster, gpu_jobs: bool, status: str | None = None) -> list[Finding]:
    """All findings; `status` is the command that asks for the states of jobs, none where it is still to be chosen."""
    version = slurm.config.get("SLURM_VERSION", "of an unknown version")
    found = [Finding("ok", f"SLURM {version}: its commands are there, and its controller answers")]
    found.append(_status(slurm, status))
    for place in _places(slurm, cluster, gpu_jobs):
        found += [place] if isinstance(place, Finding) else check_partition(place, cluster, slurm)
    return found + ([] if cluster.account is None else [_account(slurm, cluster.account)])


def choose_status(slurm: Slurm) -> str | None:
    """The command that tells the states of jobs reliably: squeue where it remembers them, else sacct; none: neither."""
    if (slurm.min_job_age or 0) >= MIN_JOB_AGE_S:
        return "squeue"
    return None if slurm.no_accounting else "sacct"


def status_command() -> str:
    """The choice for the cluster at hand, for a profile; where it can't be asked, squeue."""
    try:
        return choose_status(ask_slurm()) or "squeue"
    except InputError:
        return "squeue"


def refuse_what_hangs(cluster: Cluster, gpu_jobs: bool, status: str, init_seconds: int) -> None:
    """Raise InputError with all that is wrong with a cluster before anything is submitted to it.

    `status` and `init_seconds` are the executor's own options: the status command, and how long it waits at first.
    """
    slurm = ask_slurm(cluster.account is not None)
    found = check_slurm(slurm, cluster, gpu_jobs, status)
    # The executor turns to sacct by itself where squeue remembers less than three first waits.
    if status == "squeue" and slurm.no_accounting and 3 * init_seconds > (slurm.min_job_age or 0):
        text = f"MinJobAge {slurm.min_job_age} s: the executor would ask sacct, not squeue, and there is no accounting"
        most = (slurm.min_job_age or 0) // 3
        found.append(Finding("wrong", f"{text}: give at most {most} as --slurm-init-seconds-before-status-checks"))
    wrong = [finding.text for finding in found if finding.level == "wrong"]
    if wrong:
        raise InputError(f"nothing was submitted to this cluster: {'; '.join(wrong)} (`stylenat check --cluster`)")


def _status(slurm: Slurm, status: str | None) -> Finding:
    age = "unknown" if slurm.min_job_age is None else f"{slurm.min_job_age} s"
    facts = f"MinJobAge {age}, {'no accounting' if slurm.no_accounting else 'accounting'}"
    chosen = choose_status(slurm)
    if chosen is None:
        return Finding(
            "wrong",
            f"{facts} ({slurm.no_accounting}): squeue forgets jobs before their end is seen, and sacct knows none:"
            f" ask the administrators for MinJobAge {MIN_JOB_AGE_S} or for accounting",
        )
    if (status == "squeue" and chosen == "sacct") or (status == "sacct" and slurm.no_accounting):
        text = f"{facts}: job states are asked with {status}, which never tells that a job has ended"
        return Finding("wrong", f"{text}: give --slurm-status-command {chosen}, or use --workflow-profile slurm")
    if (status or chosen) == "squeue":
        return Finding("ok", f"{facts}: job states are asked with squeue")
    return Finding(
        "warning", f"{facts}: job states are asked with sacct; a job ended with scancel is then waited for for ever"
    )


def _places(slurm: Slurm, cluster: Cluster, gpu_jobs: bool) -> Iterator[Place | Finding]:
    """The partitions that jobs go to; in the place of one that there isn't, what is wrong."""
    asked = {"cpu": cluster.partitions.cpu} | ({"gpu": cluster.partitions.gpu} if gpu_jobs else {})
    seen = set()
    for kind in reversed(asked):
        named, name = f"partitions.{kind}" if asked[kind] else "", asked[kind] or slurm.default_partition
        if name is None:
            yield Finding("wrong", f"no partition is the default: name one as partitions.{kind} in {FILE}")
        elif name not in slurm.partitions:
            hint = nearest(name, slurm.partitions)
            yield Finding("wrong", f"partition '{name}' ({named}) does not exist, or is hidden from you; {hint}")
        elif name not in seen:
            yield Place(name, slurm.partitions[name], named, kind == "gpu" or not gpu_jobs, kind == "gpu")
        seen.add(name)


def _account(slurm: Slurm, account: str) -> Finding:
    if slurm.no_accounting:
        text = f"account '{account}' can't be verified ({slurm.no_accounting}), so the executor submits no job"
        return Finding("wrong", f"{text}: leave account out of {FILE}")
    if not slurm.accounts:
        return Finding("warning", f"account '{account}': SLURM lists no accounts of yours, so it was not checked")
    if account.lower() not in {name.lower() for name in slurm.accounts}:
        return Finding("wrong", f"account '{account}' is none of yours; {nearest(account, slurm.accounts)}")
    return Finding("ok", f"account '{account}' is one of yours")
