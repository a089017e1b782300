"""What the workflow's rules ask for: which files a job reads, under which options it runs.

Methods take Snakemake's wildcards (any object with the wildcard's name as attribute) and give paths or words.
"""

import os
import shlex
import subprocess
import sys
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Any

from stylenat.core import paths, provenance
from stylenat.core.catalog import Job, Run
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_json
from stylenat.core.plan import PlannedRecord, make_plan


def use_checkout(root: Path) -> None:
    """Let jobs run the code under `root` with this interpreter's commands, from any working directory.

    An activated conda environment still comes first on PATH.
    """
    for name, first in (("PYTHONPATH", root), ("PATH", Path(sys.executable).parent)):
        rest = os.environ.get(name, "").split(os.pathsep)
        os.environ[name] = os.pathsep.join([str(first), *(part for part in rest if part not in ("", str(first)))])


def isolate_conda(root: Path) -> str:
    """Keep the user's own packages out of conda environments; gives what each job's shell command starts with.

    Snakemake hides PYTHONPATH from these jobs, so the command itself names the code under `root`. Without a `conda`
    command (or shell function) all this is refused before Snakemake asks for one.
    """
    if subprocess.run(["bash", "-c", "type conda"], capture_output=True, check=False).returncode:
        raise InputError(f"--use-conda: no command `conda` on PATH; what to do is in {root / 'docs/environments.md'}")
    os.environ |= {"PYTHONPATH": str(root), "PYTHONNOUSERSITE": "1"}
    return f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(root))}; "


def _list_of(record: PlannedRecord) -> str:
    return paths.RECORDS.format(protocol=record.protocol, model=record.model)


class Lookup:
    """Answers for one run; every path starts with the run's results folder."""

    def __init__(self, run: Run) -> None:
        self.run, self.catalog, self.card = run, run.catalog, run.card
        self.plan = make_plan(run)
        self.results = Path(run.card.results)
        self.logs = self.results / "logs"
        self.records = [self.results / path for path in dict.fromkeys(map(_list_of, self.plan.records))]
        self._codes = provenance.Codes()
        self.verdicts = [self.results / verdict.path for verdict in self.plan.verdicts]

    def check_results(self) -> None:
        """Refuse a results folder that can't be written to, before any work."""
        there = self.results
        while not there.exists():
            there = there.absolute().parent
        if not there.is_dir():
            raise InputError(f"results folder '{self.results}': {there} is a file, expected a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise InputError(f"results folder '{self.results}': {there} can't be written to")

    def fetched_images(self, w: Any) -> list[Path]:
        """The raw folder that `fetch` makes for a data set; none when the user brings the images."""
        key = paths.raw_key(self.catalog.dataset(w.dataset))
        return [self.results / paths.RAW_IMAGES.format(raw=key)] if key else []

    def raw_images(self, w: Any) -> Path:
        """Where the raw images of a data set lie."""
        source = self.catalog.dataset(w.dataset).source
        return self.run.supplied(source.path) if source.path is not None else self.fetched_images(w)[0]

    def prepare_options(self, w: Any) -> str:
        """Raw images, and the list that says what they must be, as command-line options."""
        checklist = self.catalog.dataset(w.dataset).source.checklist
        listed = f" --checklist {self.run.supplied(checklist.path)}" if checklist is not None else ""
        return f"--raw {self.raw_images(w)}{listed}"

    def dataset_with_raw(self, w: Any) -> str:
        """Any data set made from a fetched raw folder; they share its source."""
        found = [name for name in self.catalog.names("datasets") if paths.raw_key(self.catalog.dataset(name)) == w.raw]
        if not found:
            raise InputError(f"no data set is made from '{w.raw}'")
        return found[0]

    def manifest(self, w: Any) -> Path:
        """The prepared set that a model is trained on and compared with."""
        return self.results / paths.PREPARED.format(dataset=self.catalog.model(w.model).dataset)

    def weights(self, w: Any) -> Path:
        """Where a model's weights lie: snapshot, imported file, or a control's prepared set."""
        found = paths.weights_path(self.catalog.model(w.model))
        if found is None:
            raise InputError(f"model '{w.model}' has no weights: {self.catalog.model(w.model).weights.none}")
        return self.results / found

    def training_inputs(self, w: Any) -> dict[str, Path]:
        """What a training reads: the prepared set, the snapshot that it grows from, its quick FID's detector."""
        model, found = self.catalog.model(w.model), {"manifest": self.manifest(w)}
        if model.initial is not None:
            found["initial"] = self.results / paths.weights_path(self.catalog.model(model.initial))
        quick = self.catalog.training(model.weights.train).quick_fid
        if quick is not None:
            found["detector"] = self.results / paths.DETECTOR_WEIGHTS.format(detector=quick.detector)
        return found

    def training_options(self, w: Any) -> str:
        """Device, snapshot to start from and folder of detector weights, as command-line options."""
        inputs, words = self.training_inputs(w), ["--device", self.card.device]
        if "initial" in inputs:
            words += ["--initial", inputs["initial"]]
        if "detector" in inputs:
            words += ["--detector-weights", inputs["detector"].parent]
        return " ".join(map(str, words))

    @cached_property
    def _lists(self) -> dict[str, list[PlannedRecord]]:
        """The planned records by the paths of the lists that name them."""
        found: dict[str, list[PlannedRecord]] = defaultdict(list)
        for record in self.plan.records:
            found[_list_of(record)].append(record)
        return dict(found)

    @cached_property
    def _sessions(self) -> dict[str, list[str]]:
        """The models that sessions of timings measure, by the sessions' paths."""
        found: dict[str, list[str]] = defaultdict(list)
        for job in self.run.jobs:
            if self.catalog.protocol(job.protocol).timed:
                found[paths.session_path(job, self.card)].append(job.model)
        return dict(found)

    def _seeds_and_sets(self, w: Any) -> tuple[list[int], list[str]]:
        """What one job measures of a model under a protocol: every seed against every set of reals."""
        path = paths.RECORDS.format(protocol=w.protocol, model=w.model)
        if path not in self._lists:
            raise InputError(f"{path} is not part of run '{self.card.run}'")
        records = self._lists[path]
        return sorted({record.seed for record in records}), sorted({record.dataset for record in records} - {""})

    def measure_inputs(self, w: Any) -> dict[str, list[Path]]:
        """What records rest on: statistics of real images a set, and of fake ones a seed; or timings a seed."""
        protocol, (seeds, sets) = self.catalog.protocol(w.protocol), self._seeds_and_sets(w)
        if protocol.timed:
            jobs = [Job(w.protocol, w.model, seed) for seed in seeds]
            return {"session": [self.results / paths.session_path(job, self.card) for job in jobs]}
        if not protocol.on_images:
            return {}
        return {
            "real": [self.results / paths.REAL_FEATURES.format(dataset=name) for name in sets],
            "fake": [self.results / paths.FAKE_FEATURES.format(model=w.model, seed=seed) for seed in seeds],
        }

    def measure_options(self, w: Any) -> str:
        """Seeds, sets, files, machine and label of the measurements of one job, as command-line options."""
        (seeds, sets), options = self._seeds_and_sets(w), ["--machine", self.card.machine]
        for name, values in {"seeds": seeds, "datasets": sets, **self.measure_inputs(w)}.items():
            options += [f"--{name}", *values] if values else []
        return " ".join(map(str, [*options, *(["--demo"] if self.card.demo else [])]))

    def timed_models(self, w: Any) -> list[str]:
        """The models that one session of timings measures in turn: all that the run has under its protocol and seed."""
        path = paths.THROUGHPUT.format(protocol=w.protocol, machine=w.machine, seed=w.seed)
        if path not in self._sessions:
            raise InputError(f"{path} is not part of run '{self.card.run}'")
        return sorted(self._sessions[path])

    def timing_digest(self, w: Any) -> str:
        """Digest of what decides a session of timings: cards, machine and code."""
        models = [self.catalog.model(name) for name in self.timed_models(w)]
        cards = [self.plan.cards["protocols"][w.protocol], [model.arch for model in models], self.card.machine]
        return sha256_json([cards, self._codes.timing(models)])[:16]

    def claim_records(self, w: Any) -> list[Path]:
        """The lists of the records of this run that a claim rests on."""
        chosen = [verdict for verdict in self.plan.verdicts if verdict.claim == w.claim]
        lists = {path: list_ for list_, records in self._lists.items() for path in (r.path for r in records)}
        return [self.results / path for path in dict.fromkeys(lists[p] for v in chosen for p in v.records)]

    def digest(self, kind: str, name: str) -> str:
        """A card's digest, as a rule's parameter: a changed card runs the rule again."""
        return sha256_json(self.plan.cards[kind][name])[:16]

    def recipe_digest(self, w: Any) -> str:
        """Digest of what a training is made of: architecture and training card, but not code."""
        model = self.catalog.model(w.model)
        training = self.catalog.training(model.weights.train)
        return sha256_json([training.decisive(), training.total_nimg, model.arch])[:16]

    def sample_digest(self, w: Any) -> str:
        """Digest of what decides samples besides the weights: architecture and code."""
        model = self.catalog.model(w.model)
        return sha256_json([model.family, model.arch, self._codes.model(model)])[:16]

    def maps_digest(self, w: Any) -> str:
        """Digest of what decides maps of attention besides the weights."""
        return sha256_json([self.sample_digest(w), provenance.maps_code()])[:16]

    def measure_digest(self, w: Any) -> str:
        """Digest of what decides measurements besides their files: cards and the metric's code."""
        protocol, model = self.catalog.protocol(w.protocol), self.catalog.model(w.model)
        cards = [self.plan.cards["protocols"][protocol.name], model.arch, self.card.machine]
        return sha256_json([cards, self._codes.metric(protocol, model)])[:16]
