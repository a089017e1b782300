"""What each subcommand runs: from parsed arguments and cards to a stage. Stages are imported late, for torch's sake."""

import argparse
import importlib
import itertools
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylenat.core import paths, provenance
from stylenat.core.catalog import KINDS, Catalog, Job
from stylenat.core.errors import InputError
from stylenat.core.files import write_text

STARTED = time.monotonic()  # as near to the process's start as is seen from here
CONTINUE = 75  # EX_TEMPFAIL: the same command goes on with the work
RESERVE_SECONDS = 60.0  # of a time limit: what started the training had the clock before it, and ends after it


def allowed_seconds(limit_minutes: float) -> float:
    """What a training may use of its time limit; of a short one, at least half."""
    return max(60 * limit_minutes - RESERVE_SECONDS, 30 * limit_minutes)


def _stage(name: str) -> Callable[..., Any]:
    """The `run` function of a stage; imported late, so that `list` and `check` need no torch."""
    return importlib.import_module(f"stylenat.stages.{name}").run


def run_plan(args: argparse.Namespace, catalog: Catalog) -> None:
    """Resolve a run."""
    try:
        config = json.loads(args.run)
    except json.JSONDecodeError as error:
        raise InputError(f"--run: not valid JSON ({error})") from None
    _stage("plan")(config=config, catalog_root=catalog.root, out=args.out)


def run_fetch(args: argparse.Namespace, catalog: Catalog) -> None:
    """Bring in raw images or detector weights."""
    stage = importlib.import_module("stylenat.stages.fetch")
    if args.dataset is not None:
        stage.run_images(catalog.dataset(args.dataset), args.out, args.workers)
    else:
        stage.run_weights(catalog.detector(args.detector), args.weights, args.out)


def run_prepare(args: argparse.Namespace, catalog: Catalog) -> None:
    """Check and resize raw images."""
    stage = importlib.import_module("stylenat.stages.prepare")
    run = stage.run_verify if args.verify else stage.run
    run(catalog.dataset(args.dataset), args.raw, args.out, args.checklist, args.workers)


def run_export(args: argparse.Namespace, catalog: Catalog) -> None:
    """Write a prepared set as a zip."""
    _stage("export")(args.images, args.out, args.workers)


def run_train(args: argparse.Namespace, catalog: Catalog) -> None:
    """Train a model."""
    stage = importlib.import_module("stylenat.stages.train")
    model = catalog.model(args.model)
    if model.weights.train is None or model.dataset is None:
        raise InputError(f"model '{model.name}' is not trained here: its card has no weights.train")
    training, detector = catalog.training(model.weights.train), None
    if training.quick_fid is not None and args.detector_weights is not None:
        name = training.quick_fid.detector
        detector = catalog.detector(name), args.detector_weights / f"{name}.pth"
    work = stage.Work(model, training, catalog.dataset(model.dataset), args.manifest, args.initial, detector)
    if args.dry_run:
        print(stage.plan(work, args.rundir, args.device))
        return
    if args.out is None or args.history is None:
        raise InputError("train: found no --out or no --history; both are needed unless --dry-run is given")
    processes = training.processes(args.processes)
    if processes > 1 and "WORLD_SIZE" not in os.environ:
        importlib.import_module("stylenat.training.launch").launch(processes, args.given, CONTINUE)
        return
    deadline = None if args.time_limit is None else STARTED + allowed_seconds(args.time_limit)
    stage.run(work, args.rundir, args.out, args.history, args.device, deadline)


def run_import(args: argparse.Namespace, catalog: Catalog) -> None:
    """Turn a published checkpoint into safetensors."""
    _stage("import")(catalog.model(args.model), args.weights, args.out, args.part)


def run_sample(args: argparse.Namespace, catalog: Catalog) -> None:
    """Generate images."""
    model = catalog.model(args.model)
    _stage("sample")(model, args.weights, args.seed, args.count, args.out, args.device)


def run_maps(args: argparse.Namespace, catalog: Catalog) -> None:
    """Show where heads look."""
    model = catalog.model(args.model)
    _stage("maps")(model, args.weights, args.seed, args.index, args.out, args.device)


def run_features(args: argparse.Namespace, catalog: Catalog) -> None:
    """Keep statistics of images."""
    stage = importlib.import_module("stylenat.stages.features")
    protocols = [catalog.protocol(name) for name in args.protocols]
    if args.images is not None:
        images = stage.PreparedSet(args.images)
        count = images.count
    elif args.model is None or args.weights is None or args.seed is None:
        raise InputError("features: found neither --images nor all of --model, --weights and --seed")
    else:
        images = stage.GeneratedImages(catalog.model(args.model), args.weights, args.seed)
        count = stage.count_for(protocols)
    stage.run(
        images,
        count,
        stage.wanted_by(protocols, catalog.detector, args.detector_weights, count, args.moments_only),
        args.statistics,
        args.out,
        args.device,
        args.batch_size,
        args.workers,
    )


def run_measure(args: argparse.Namespace, catalog: Catalog) -> None:
    """Make the records of a model under a protocol: every seed against every data set."""
    model, protocol = catalog.model(args.model), catalog.protocol(args.protocol)
    real = _one_each("real", args.real, "datasets", args.datasets)
    fake, session = (_one_each(name, getattr(args, name), "seeds", args.seeds) for name in ("fake", "session"))
    common = {
        "model": model,
        "protocol": protocol,
        "detector": catalog.detector(protocol.detector) if protocol.detector else None,
        "device": args.device,
        "demo": args.demo,
        "code": provenance.metric_code(protocol, model),
        "command": shlex.join(["stylenat", *sys.argv[1:]]),
    }
    measurements = []
    for name, seed in itertools.product(args.datasets or [""], args.seeds):
        variant = paths.variant(Job(protocol.name, model.name, seed, name), protocol, args.machine)
        own = {"seed": seed, "dataset": catalog.dataset(name) if name else None, "real": real.get(name)}
        files = {"fake": fake.get(seed), "session": session.get(seed), "out": args.out.parent / f"{variant}.json"}
        measurements.append(common | own | files)
    importlib.import_module("stylenat.stages.measure").run_all(measurements, args.out)


def _one_each(name: str, files: list[Path], of: str, keys: list[Any]) -> dict[Any, Path]:
    """Files by what they belong to; none where none were given."""
    if files and len(files) != len(keys):
        raise InputError(f"measure: found {len(files)} files after --{name}, expected {len(keys)}, one of each --{of}")
    return dict(zip(keys, files, strict=False))


def run_throughput(args: argparse.Namespace, catalog: Catalog) -> None:
    """Time several networks in turn."""
    models = [catalog.model(name) for name in dict.fromkeys(args.models)]
    _stage("throughput")(
        protocol=catalog.protocol(args.protocol),
        models=models,
        seed=args.seed,
        out=args.out,
        device=args.device,
        code=provenance.timing_code(models),
        command=shlex.join(["stylenat", *sys.argv[1:]]),
    )


def run_evaluate(args: argparse.Namespace, catalog: Catalog) -> None:
    """Measure one snapshot under several protocols, and print a line of each."""
    stage = importlib.import_module("stylenat.stages.evaluate")
    model, protocols = catalog.model(args.model), [catalog.protocol(name) for name in args.protocols]
    if model.dataset is None and args.dataset is None:
        raise InputError(f"model '{model.name}' names no data set to compare with: give --dataset")
    dataset = catalog.dataset(args.dataset or model.dataset)
    records = stage.run(
        stage.Subject(model, args.weights, args.seed, dataset, args.images),
        protocols,
        catalog.detector,
        stage.Means(args.detector_weights, args.device, args.batch_size, args.workers, args.demo),
        args.out,
        lambda protocol: provenance.metric_code(protocol, model),
        shlex.join(["stylenat", *sys.argv[1:]]),
    )
    for record in records:
        print(stage.line_of(record))


def run_judge(args: argparse.Namespace, catalog: Catalog) -> None:
    """Judge one claim."""
    _stage("judge")(args.plan, args.claim, args.results, args.out, provenance.claims_code())


def run_simulate(args: argparse.Namespace, catalog: Catalog) -> None:
    """Simulate error bars."""
    _stage("simulate")(args.out, args.draws)


def run_report(args: argparse.Namespace, catalog: Catalog) -> None:
    """Render the report, and print where it is."""
    missing = [f"--{name}" for name in ("plan", "results", "out") if getattr(args, name) is None]
    if missing:
        raise InputError(f"report: found no {' and no '.join(missing)}; all three are needed unless `compare` is given")
    print(_stage("report")(args.plan, args.results, args.out, args.readme, args.pictures))


def run_compare(args: argparse.Namespace, catalog: Catalog) -> None:
    """Print a comparison of two campaigns, or write it and print where it is."""
    given = [
        f"--{name}" for name in ("plan", "results", "out", "readme", "pictures") if getattr(args, name) is not None
    ]
    if given:
        raise InputError(f"report compare: found {', '.join(given)} before `compare`; its own options follow A and B")
    text = _stage("compare")(*args.campaigns, args.format)
    if args.file is None:
        print(text, end="")
        return
    write_text(args.file, text)
    print(args.file)


def run_check(args: argparse.Namespace, catalog: Catalog) -> None:
    """Check all cards, and print a line of each finding."""
    stage = importlib.import_module("stylenat.stages.check")
    for line in stage.run(catalog, args.run_files):
        print(line)
    if not args.cluster:
        return
    findings = stage.run_cluster(catalog, args.run_files)
    for finding in findings:
        print(f"cluster: {finding}", flush=True)
    wrong = sum(finding.level == "wrong" for finding in findings)
    if wrong:
        raise InputError(f"check: found {wrong} of {len(findings)} findings about the cluster wrong, expected none")


def run_status(args: argparse.Namespace, catalog: Catalog) -> None:
    """Print what of each run is done."""
    print(_stage("status")(catalog, args.run_files or [catalog.root / "config.yaml"], args.json))


def run_attention(args: argparse.Namespace, catalog: Catalog) -> None:
    """Print the attention's backends."""
    stage = importlib.import_module("stylenat.attention.backends")
    for line in stage.listing(args.device):
        print(line)


def run_list(args: argparse.Namespace, catalog: Catalog) -> None:
    """Print the cards."""
    for kind in [args.kind] if args.kind else KINDS:
        for name in catalog.names(kind):
            print(f"{kind}\t{name}\t{catalog.get(kind, name).title}")
