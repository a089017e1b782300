"""How long Snakemake takes to plan a run (`snakemake -n`), against the number of its jobs."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
import yaml
from harness import heading, parser, write_record

from stylenat.core.registry import ROOT

SEEDS = [0, 1, 2, 3, 4]
ROUNDS = 3


def every_seed(folder: Path) -> Path:
    """The paper's and the retraining's matrix in one run, five seeds a protocol: a project's copy."""
    from support import tree

    tree.copy(folder)
    paper, retrain = (yaml.safe_load((folder / f"config/{name}.yaml").read_text()) for name in ("paper", "retrain"))
    for card in (folder / "config/protocols").glob("*.yaml"):
        protocol = yaml.safe_load(card.read_text())
        if "seeds" in protocol and "demo" not in card.stem:
            tree.edit(card, seeds=SEEDS)
    run = {**paper, "run": "whole", "measure": [*paper["measure"], *retrain["measure"]]}
    path = folder / "config/whole.yaml"
    path.write_text(yaml.safe_dump(run, sort_keys=False))
    return path


def planned(folder: Path, config: str) -> tuple[int, float]:
    """Jobs of a run, and the median of the seconds that planning took."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--configfile", config, "--cores", "2"]
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    return int(re.search(r"^total\s+(\d+)$", done.stdout, flags=re.M)[1]), median(seconds)


def main() -> None:
    """Plan every run of this project, and all of it with five seeds; print a line each, and write the record."""
    args = parser(__doc__).parse_args()
    print(heading(torch.device("cpu")))
    sys.path.insert(0, str(ROOT / "tests"))
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every_seed(folder)
        for run in ("config", "paper", "retrain", "whole"):
            jobs, seconds = planned(folder, f"config/{run}.yaml")
            rows[run] = {"jobs": jobs, "seconds": seconds, "ms_a_job": 1e3 * seconds / jobs}
            print(f"  {run:8} {jobs:6} jobs  {seconds:6.2f} s  {1e3 * seconds / jobs:6.2f} ms a job")
    write_record(args.out, "workflow", torch.device("cpu"), {"runs": rows})


if __name__ == "__main__":
    main()
