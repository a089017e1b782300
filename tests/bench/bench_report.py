"""How long the report takes to render from records alone, against their number: made-up ones of the paper's matrix."""

import hashlib
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from harness import heading, parser, write_record

from stylenat.core.cards import ModelCard, ProtocolCard
from stylenat.core.controls import control_of
from stylenat.core.records import Measurement
from stylenat.core.registry import ROOT

ROUNDS = 3
RUNS = (("config", None), ("paper", 2000), ("paper", None))
VERSIONS = {f"library-{number}": f"1.{number}.0" for number in range(11)}
DEVICE = {"kind": "cuda", "name": "Made-up GPU 80GB", "driver": "1.0"}
# The report in a process of its own, as its rule runs it; what it imported decides whether it could do without torch.
RENDER = """
import sys
from stylenat.stages import report
report.run("plan.json", ".", "report")
print("torch" in sys.modules)
"""


def campaign(folder: Path, run: str, most: int | None = None) -> tuple[int, list[str]]:
    """A run's records on disk, or the first so many of them, every value made up, and its verdicts.

    Returns how many records there are, and the claims judged.
    """
    from support.planned_run import CATALOG, make
    from support.planned_run import verdict_on as judged

    from stylenat.core.plan import read_plan
    from stylenat.core.records import write_record as write

    plan = read_plan(make(run, folder) / "plan.json")
    models = {name: CATALOG.model(name) for name in sorted({job.model for job in plan.records})}
    for job in plan.records[:most]:
        place = list(models).index(job.model)
        write(folder / job.path, made_up(job.model_dump(), models[job.model], place))
    for verdict in plan.verdicts:
        write(folder / verdict.path, judged(verdict.claim, folder))
    return len(plan.records[:most]), [verdict.claim for verdict in plan.verdicts]


def made_up(job: dict, model: ModelCard, place: int) -> Measurement:
    """A record of a job that is as long as a measured one, with a value between the controls."""
    from support.planned_run import CATALOG, record

    card = CATALOG.protocol(job["protocol"])
    module = importlib.import_module(f"stylenat.metrics.{card.metric}")
    fields = {"direction": module.DIRECTION, "unit": module.UNIT, "versions": VERSIONS, "device": DEVICE}
    fields["command"] = f"stylenat measure --model {model.name} --protocol {card.name} {'--fake made/up.json ' * 25}"
    value = 2.0 + 0.1 * place + 0.01 * job["seed"]
    if card.on_images:
        role = control_of(model, job["dataset"])
        value = {"": value, "real": 0.1, "noise": 300.0}[role] + 0.001 * job["seed"]
        value = 1 / (1 + value) if module.DIRECTION == "higher" else value
        fields |= on_images(job, card)
    return record(job, value, **fields)


def on_images(job: dict, card: ProtocolCard) -> dict:
    """What a measurement on images says besides its number."""
    from support.planned_run import CATALOG

    reals, fakes = f"features/reals/{job['dataset']}.json", f"features/fakes/{job['model']}/seed{job['seed']}.json"
    resize_filter = CATALOG.dataset(job["dataset"]).resize_filter
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in (reals, fakes, job["model"], card.detector)}
    return {
        "inputs": {name: digests[name] for name in (reals, fakes)},
        "reals": {"dataset": job["dataset"], "fingerprint": digests[reals], "resize_filter": resize_filter,
                  "count": 70000, "statistics": digests[reals]},
        "fakes": {"count": 50000, "weights_sha256": digests[job["model"]], "statistics": digests[fakes],
                  "device": DEVICE["name"]},
        "detector": {"name": card.detector, "preprocessing": "tensorflow", "weights_sha256": digests[card.detector]},
        "standard_error": {"value": 0.01, "method": "influence function"},
        "details": {"fid_infinity": {"groups": 16, "standard_error": 0.01, "value": 1.9}, "feature_width": 2048,
                    "route": "eigenvalues of moments"},
    }  # fmt: skip


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
    for run, most in RUNS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            records, claims = campaign(folder, run, most)
            seconds, size = rendered(folder), (folder / "report/report.html").stat().st_size / 1e6
        rows[f"{run}, {records} records"] = {
            "records": records,
            "claims": len(claims),
            "seconds": seconds,
            "page_mb": size,
        }
        print(f"  {run:7} {records:5} records  {seconds:6.2f} s  page {size:.2f} MB")
    write_record(args.out, "report", torch.device("cpu"), {"runs": rows})


if __name__ == "__main__":
    main()
