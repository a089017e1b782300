"""Asking SLURM, with its own commands: what it prints is parsed elsewhere, and nothing is decided here."""

import getpass
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from stylenat.core.errors import InputError
from stylenat.core.slurm_values import Slurm, parse_config, parse_nodes, parse_partitions

TIMEOUT_S = 30  # SLURM's own commands give up on a silent controller after about ten seconds
NEEDED = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")


@dataclass(frozen=True)
class Answer:
    """What a command printed, or why there is no answer."""

    text: str
    fault: str = ""


def ask(*command: str) -> Answer:
    """Run one command of SLURM; a failure, a silence or odd bytes become an answer too."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Answer("", f"{command[0]} can't be run: {error.strerror}")
    try:
        text, complaint = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with its children, which hold the pipes open
        process.communicate()
        return Answer("", f"{command[0]} gave no answer within {TIMEOUT_S:g} s")
    if process.returncode != 0:
        said = (complaint or text).strip().splitlines()
        return Answer(text, f"{command[0]} said '{said[0] if said else f'exit status {process.returncode}'}'")
    return Answer(text)


def ask_slurm(accounts: bool = False) -> Slurm:
    """Everything that a check needs; raises InputError where SLURM is not there or does not answer."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise InputError(f"SLURM: found no {', '.join(missing)} on PATH; run this where jobs are submitted from")
    # Asked first: with no controller every other command waits ten seconds.
    ping = ask("scontrol", "ping")
    if not re.search(r"\bUP\b", ping.text):
        said = ping.fault or f"`scontrol ping` said '{_first_line(ping.text)}'"
        raise InputError(f"SLURM: no controller answers ({said}); try again, or ask its administrators")
    config = parse_config(_answer("scontrol", "show", "config"))
    nodes = parse_nodes(_answer("sinfo", "--noheader", "--format=%R|%T|%G"))
    partitions = parse_partitions(_answer("scontrol", "--oneliner", "show", "partition"), nodes)
    return Slurm(config, partitions, _no_accounting(config), _own_accounts() if accounts else frozenset())


def _answer(*command: str) -> str:
    answer = ask(*command)
    if answer.fault:
        raise InputError(f"SLURM: no answer to `{' '.join(command)}` ({answer.fault})")
    return answer.text


def _no_accounting(config: Mapping[str, str]) -> str:
    """Why `sacct`, asked as the executor asks it, gives no states; empty where it does."""
    kind = config.get("AccountingStorageType", "unknown")
    if kind.endswith("/none"):
        return f"AccountingStorageType is {kind}"
    return ask(
        "sacct", "-X", "--parsable2", "--noheader", "--clusters=all", "--format=JobIdRaw,State", "--name=-"
    ).fault


def _own_accounts() -> frozenset[str]:
    for command in (
        ("sacctmgr", "-nP", "-s", "list", "user", _user(), "format=account"),
        ("sshare", "-U", "-nP", "--format=Account"),
    ):
        found = ask(*command)
        if not found.fault and found.text.split():
            return frozenset(found.text.split())
    return frozenset()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[0]
