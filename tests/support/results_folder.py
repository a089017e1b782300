"""A results folder built by hand, as jobs of a small run leave it."""

import json
import os

from stylenat.core.catalog import Catalog, Run
from stylenat.core.plan import make_plan
from stylenat.core.registry import ROOT
from stylenat.core.status import status_of
from stylenat.training.loop import Recipe
from support.training import Family, Noise

CATALOG = Catalog(ROOT / "config")
MODEL, OTHER = "stylenat-demo-32", "stylegan2-demo-32"
NOW = 1_800_000_000.0
TOTAL = CATALOG.training(MODEL).total_nimg
LEASE = {"host": "node7", "pid": 1234, "job": "42", "token": "t"}


class Place:
    """A run of two trained models and a control, and its results folder."""

    def __init__(self, folder):
        self.results = folder / "results"
        self.card = {
            "run": "small",
            "title": "A small run",
            "demo": True,
            "results": str(self.results),
            "measure": [
                {"models": [MODEL, "real-photographs-32"], "protocols": ["fid-demo"]},
                {"models": [OTHER], "protocols": ["fid-demo", "parameters", "throughput-demo"]},
            ],
            "claims": ["parameters-256"],
        }
        self.run = Run(CATALOG, self.card)
        self.plan = make_plan(self.run)

    def write(self, path, content):
        """A file; a mapping becomes JSON."""
        file = self.results / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        return file

    def make(self, target):
        for path in target.products:
            if target.kind == "folder":
                (self.results / path).mkdir(parents=True)
            else:
                self.write(path, {"records": {}} if target.stage == "measure" else "x")

    def measured(self, protocol, model, listed=True):
        """The records of one job, and the list of them."""
        found = [r.path for r in self.plan.records if (r.protocol, r.model) == (protocol, model)]
        for path in found:
            self.write(path, {})
        if listed:
            names = {path.rpartition("/")[2]: "0" * 64 for path in found}
            self.write(f"measure/{protocol}/{model}/records.json", {"schema_version": 1, "records": names})
        return found

    def run_folder(self, digest, model=MODEL, seen=(), speed=None, states=(), lease=None, age=0.0, touched=0.0, **how):
        """A run's folder as a trainer leaves it; `how` changes its recipe."""
        folder, options = f"train/{model}/run/{digest}", options_of(model)
        for key, value in how.items():
            (options if key in options else options["training"])[key] = value
        self.write(f"{folder}/training_options.json", options)
        log = self.write(f"{folder}/log.jsonl", "".join(json.dumps({"nimg": n, "step": 1}) + "\n" for n in seen))
        os.utime(log, (NOW - touched, NOW - touched))
        if speed is not None:
            lines = [{"nimg": n, "seconds": 2.0, "images_per_second": speed} for n in seen]
            self.write(f"{folder}/timing.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        for nimg in states:
            (self.results / folder / "state" / f"{nimg:012d}").mkdir(parents=True)
        if lease is not None:
            os.utime(self.write(f"{folder}/lease.json", lease), (NOW - age, NOW - age))
        return folder

    def status(self):
        return status_of(self.run, NOW)

    def training(self, model=MODEL):
        return next(one for one in self.status().trainings if one.model == model)


def options_of(model):
    """What a trainer writes of its recipe."""
    found = CATALOG.model(model)
    recipe = Recipe(Family(), found.arch, CATALOG.training(found.weights.train), Noise(), flips=True)
    flips = CATALOG.dataset(found.dataset).flips and recipe.card.flips
    return json.loads(json.dumps(recipe.options() | {"flips": flips}))


def counts(status, stage):
    return {state: n for state, n in status.stages[stage].items() if n}


def row_of(text, first):
    """The words of the table's row that begins so, without the first."""
    return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == [first])


def run_file(place, name="small.yaml"):
    path = place.results.parent / name
    path.write_text(json.dumps(place.card))
    return path
