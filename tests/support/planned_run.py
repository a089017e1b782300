"""Planned runs on disk for tests of `judge`: a shipped one, or one against sets of several filters."""

import json

from stylenat.core.catalog import Catalog, Run
from stylenat.core.files import write_json
from stylenat.core.plan import make_plan
from stylenat.core.records import Measurement, read_verdict, write_record
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml
from stylenat.stages import judge

CATALOG = Catalog(ROOT / "config")
UNITS = {"parameters": "parameters", "flops": "FLOP", "throughput": "images/s"}


MODEL, RIVAL, REAL, NOISE = (
    "stylenat-ffhq-256",
    "stylegan-xl-ffhq-256",
    "real-ffhq-256-lanczos",
    "noise-ffhq-256-lanczos",
)
OTHERS = ["ffhq-256-box", "ffhq-256-tfrecord"]
FILTERS = {
    "run": "filters",
    "title": "The same numbers against the same images, resized otherwise",
    "demo": False,
    "measure": [
        {"models": [MODEL, RIVAL, REAL, NOISE], "protocols": ["stylenat-50k"]},
        {"models": [MODEL, RIVAL, NOISE], "protocols": ["stylenat-50k"], "datasets": OTHERS},
    ],
    "claims": ["fid-256*"],
}
LEVEL = {MODEL: 2.05, RIVAL: 2.2, REAL: 0.1, NOISE: 300.0}  # inside the controls, and 2.046 within its noise


def make(run, folder):
    """A results folder with the plan of a run: a shipped one by its name, or a run card."""
    card = read_yaml(ROOT / f"config/{run}.yaml") if isinstance(run, str) else run
    write_json(folder / "plan.json", make_plan(Run(CATALOG, card)).model_dump(mode="json", by_alias=True))
    return folder


def planned(results, claim):
    """The planned records of a claim."""
    plan = json.loads((results / "plan.json").read_text())
    paths = next(verdict["records"] for verdict in plan["verdicts"] if verdict["claim"] == claim)
    return [record for record in plan["records"] if record["path"] in paths]


def record(job, value, **fields):
    """A measurement of a planned job."""
    card = CATALOG.protocol(job["protocol"])
    return Measurement.model_validate(
        {
            "protocol": job["protocol"],
            "protocol_version": card.version,
            "metric": card.metric,
            "metric_version": 1,
            "model": job["model"],
            "dataset": job["dataset"],
            "seed": job["seed"],
            "status": "ok",
            "value": value,
            "unit": UNITS.get(card.metric, "1"),
            "direction": "lower",
            "comparable": True,
            "demo": False,
            "code": "c",
            "git": {"revision": "f" * 40, "dirty": False},
            "created": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 1.0,
        }
        | fields
    )


def verdict_on(claim, results):
    """Judge a claim on what lies in the results folder."""
    judge.run(results / "plan.json", claim, results, results / "out.json", "code")
    return read_verdict(results / "out.json")


def fill(results, claim, value_of, **changes):
    """Make a claim's planned records; those without a value stay missing."""
    for job in planned(results, claim):
        if value_of(job) is not None:
            write_record(results / job["path"], record(job, value_of(job)).model_copy(update=changes))


def around(level, dataset="ffhq-256-lanczos", others=None):
    """Values over seeds about a level of each model: against one set, and against others where they have a level."""

    def value(job):
        chosen = level if job["dataset"] == dataset else (others or {}).get(job["dataset"], {})
        return chosen[job["model"]] + 0.01 * (job["seed"] - 2) if job["model"] in chosen else None

    return value
