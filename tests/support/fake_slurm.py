"""SLURM commands that print what a real one-node SLURM 22.05.8 printed, cut down, or what a test makes of it."""

from pathlib import Path

CONFIG = {
    "AccountingStorageEnforce": "none",
    "AccountingStorageType": "accounting_storage/none",
    "JobRequeue": "1",
    "MinJobAge": "300 sec",
    "PreemptMode": "REQUEUE",
    "PreemptType": "preempt/partition_prio",
    "SLURM_VERSION": "22.05.8",
}
PARTITION = {
    "AllowAccounts": "ALL",
    "Default": "NO",
    "GraceTime": "0",
    "MaxTime": "1-00:00:00",
    "OverTimeLimit": "NONE",
    "PreemptMode": "OFF",
    "State": "UP",
    "JobDefaults": "(null)",
    "TRES": "cpu=16,mem=20000M,node=1,billing=16",
}
SILENT = "\0"  # as an answer: the command never ends, nor does its child, which holds the pipe open


class FakeSlurm:
    """A folder of commands, to stand on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self._said: dict[str, dict[str, tuple[str, int]]] = {}
        self._partitions: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        for name in ("sbatch", "squeue", "scancel", "srun"):
            self.says(name, "")
        self.says("scontrol ping", "Slurmctld(primary) at vm is UP")
        self.says("sacct *", "Slurm accounting storage is disabled", 1)
        self.says("sacctmgr *", "You are not running a supported accounting_storage plugin", 1)
        self.says("sshare *", "You are not running a supported accounting_storage plugin", 1)
        self.says("sinfo -o %P", "PARTITION\ncpu*\ngpu")
        self.configure()
        self.partition("cpu", Default="YES")
        self.partition("gpu")

    def says(self, command: str, text: str, status: int = 0) -> None:
        """Let `command`, arguments included as a shell pattern, print `text` and end with `status`."""
        name, _, arguments = command.partition(" ")
        self._said.setdefault(name, {})[arguments] = text, status
        cases = [f"'{asked}')" if "*" not in asked else f"{asked})" for asked in self._said[name]]
        lines = ["#!/bin/sh", f'echo "{name} $*" >> {self.folder}/asked', 'case "$*" in']
        for case, (said, code) in zip(cases, self._said[name].values(), strict=True):
            printer = "/usr/bin/tee /dev/stderr" if code else "/bin/cat"  # a failure is told on both streams
            body = "/bin/sleep 60" if said == SILENT else f"{printer} <<'END'\n{said}\nEND"
            lines += [case, body, f"exit {code};;"]
        script = self.folder / name
        script.write_bytes("\n".join([*lines, "esac", "echo unexpected: $* >&2; exit 9", ""]).encode("latin-1"))
        script.chmod(0o755)

    def configure(self, **changes: str) -> None:
        """Set words of `scontrol show config`."""
        words = [f"{key:<23} = {value}" for key, value in {**CONFIG, **changes}.items()]
        text = "\n".join(["Configuration data as of 2026-11-26T11:11:15", *words, "", "Slurmctld(primary) at vm is UP"])
        self.says("scontrol show config", text)

    def partition(self, name: str, nodes: str = "idle|gpu:h200:8", **changes: str) -> None:
        """Add or change a partition; `nodes` is `state|gres` of its nodes, one kind a line."""
        words = {"PartitionName": name, **PARTITION, **changes}
        self._partitions[name] = " ".join(f"{key}={value}" for key, value in words.items())
        self._nodes[name] = "\n".join(f"{name}|{line}" for line in nodes.splitlines())
        self.says("scontrol --oneliner show partition", "\n".join(self._partitions.values()))
        self.says("sinfo --noheader --format=%R|%T|%G", "\n".join(self._nodes.values()))

    def account(self, *names: str) -> None:
        """Keep accounts: the accounting works, and these are the user's."""
        self.says("sacct *", "")
        self.says("sacctmgr *", "\n".join(names))

    def asked(self) -> str:
        """Every command line so far."""
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""
