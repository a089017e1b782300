"""A copy of the project with a run small enough for a test, and Snakemake on it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from stylenat.core.registry import ROOT

COPIED = ("stylenat", "baselines", "config", "workflow", "profiles", "Snakefile", "environment.yml")
OFFLINE = Path(__file__).parent / "offline"
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")
PHOTOGRAPHS = {"kind": "photographs", "crops": 64, "crop_px": 64}


def edit(path: Path, **changes) -> None:
    """Change keys of a YAML card."""
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))


def copy(folder: Path) -> Path:
    """Copy the project's code and cards into `folder`."""
    for name in COPIED:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)
        else:
            shutil.copytree(ROOT / name, folder / name, ignore=IGNORED)
    return folder


def shrink(folder: Path) -> Path:
    """Cut the demo down to one small set, one short training and one seed."""
    config = folder / "config"
    edit(config / "datasets/photographs-32.yaml", count=64, source=PHOTOGRAPHS, fingerprint=None)
    edit(config / "datasets/photographs-64.yaml", source=PHOTOGRAPHS, fingerprint=None)
    model = config / "models/stylenat-demo-32.yaml"
    edit(model, arch={**yaml.safe_load(model.read_text())["arch"], "max_channels": 16})
    training = {"total_nimg": 32, "batch_size": 8, "lr_decay_start_nimg": 16, "log_nimg": 8, "state_nimg": 16}
    training["quick_fid"] = None
    edit(config / "training/stylenat-demo-32.yaml", **training)
    edit(config / "protocols/fid-demo.yaml", fake_count=64, seeds=[0])
    controlled = ["stylenat-demo-32", "real-photographs-32", "noise-photographs-32"]
    measure = [
        {"models": ["stylenat-ffhq-256"], "protocols": ["parameters"]},
        {"models": ["stylenat-demo-32"], "protocols": ["throughput-demo"]},
        {"models": controlled, "protocols": ["fid-demo"]},
    ]
    claims = [
        "parameters-256",
        "parameters-saving-percent",
        "throughput-256",
        "fid-256",
        "check-*-controls-32",
        "check-stylenat-demo",
    ]
    edit(config / "config.yaml", measure=measure, claims=claims)
    return folder


def snakemake(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder` as a user would, with two cores."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False, env=env)


def offline(folder: Path) -> dict[str, str]:
    """An environment in which Python's sockets reach this machine alone; `offline.txt` lists what ran in it."""
    return {**os.environ, "PYTHONPATH": str(OFFLINE), "OFFLINE_LOG": str(folder / "offline.txt")}


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """The jobs of a dry run: rule -> count; empty when there is nothing to be done."""
    result = snakemake(folder, "-n", *arguments)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    if "Nothing to be done" in output:
        return {}
    table = output[output.index("Job stats:") :].split("\n\n")[0]
    found = re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)
    return {rule: int(count) for rule, count in found if rule not in ("total", "all")}
