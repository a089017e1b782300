"""How long the report takes to render from records alone, against their number: made-up ones of the paper's matrix."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from harness import heading, parser, write_record

from stylenat.core.registry import ROOT

ROUNDS = 3
# The report in a process of its own, as its rule runs it; what it imported decides whether it could do without torch.
RENDER = """
import sys
from stylenat.stages import report
report.run("plan.json", ".", "report")
print("torch" in sys.modules)
"""


def campaign(folder: Path, run: str) -> tuple[int, list[str]]:
    """All records of a run on disk, every value made up, and its verdicts; their number, and the claims judged."""
    from support.planned_run import around, make, record
    from support.planned_run import verdict_on as judged

    from stylenat.core.plan import read_plan
    from stylenat.core.records import write_record as write

    plan = read_plan(make(run, folder) / "plan.json")
    names = {job.model for job in plan.records}
    value = around({name: 2.0 + 0.3 * place for place, name in enumerate(sorted(names))})
    for job in plan.records:
        made = value({"model": job.model, "seed": job.seed, "dataset": "ffhq-256-lanczos"})
        write(folder / job.path, record(job.model_dump(), made))
    for verdict in plan.verdicts:
        write(folder / verdict.path, judged(verdict.claim, folder))
    return len(plan.records), [verdict.claim for verdict in plan.verdicts]


def rendered(folder: Path) -> float:
    """The median of the seconds that the page, tables and figures took, with Python's start."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", RENDER], cwd=folder, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
        if done.stdout.strip() != "False":
            raise RuntimeError("the report imported torch")
    return median(seconds)


def main() -> None:
    """Render the demo's and the paper's matrix; print a line each, and write the record."""
    args = parser(__doc__).parse_args()
    print(heading(torch.device("cpu")))
    sys.path.insert(0, str(ROOT / "tests"))
    rows = {}
    for run in ("config", "paper"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            records, claims = campaign(folder, run)
            seconds, size = rendered(folder), (folder / "report/report.html").stat().st_size / 1e6
        rows[run] = {"records": records, "claims": len(claims), "seconds": seconds, "page_mb": size}
        print(f"  {run:7} {records:5} records  {seconds:6.2f} s  page {size:.2f} MB")
    write_record(args.out, "report", torch.device("cpu"), {"runs": rows})


if __name__ == "__main__":
    main()
