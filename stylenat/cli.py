"""Arguments only: one subcommand a stage, plus `check` and `list`."""

import argparse
import importlib
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from stylenat import __version__
from stylenat.core import provenance
from stylenat.core.catalog import KINDS, Catalog
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT

Command = Callable[[argparse.Namespace, Catalog], None]


class _Tee:
    """A stderr that also keeps whole lines in a log file; progress bars, redrawn with carriage returns, stay out."""

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        if "\r" not in text:
            self.log.write(text)
        return self.terminal.write(text)

    def flush(self) -> None:
        self.terminal.flush()
        self.log.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


def _stage(name: str) -> Callable[..., Any]:
    """The `run` function of a stage; imported late, so that `list` and `check` need no torch."""
    return importlib.import_module(f"stylenat.stages.{name}").run


def _plan(args: argparse.Namespace, catalog: Catalog) -> None:
    try:
        config = json.loads(args.run)
    except json.JSONDecodeError as error:
        raise InputError(f"--run: not valid JSON ({error})") from None
    _stage("plan")(config=config, catalog_root=catalog.root, out=args.out)


def _fetch(args: argparse.Namespace, catalog: Catalog) -> None:
    fetch = importlib.import_module("stylenat.stages.fetch")
    if args.dataset is not None:
        fetch.run_images(catalog.dataset(args.dataset), args.out, args.workers)
    else:
        fetch.run_weights(catalog.detector(args.detector), args.weights, args.out)


def _prepare(args: argparse.Namespace, catalog: Catalog) -> None:
    prepare = importlib.import_module("stylenat.stages.prepare")
    run = prepare.run_verify if args.verify else prepare.run
    run(catalog.dataset(args.dataset), args.raw, args.out, args.checklist, args.workers)


def _export(args: argparse.Namespace, catalog: Catalog) -> None:
    _stage("export")(args.images, args.out, args.workers)


def _train(args: argparse.Namespace, catalog: Catalog) -> None:
    model = catalog.model(args.model)
    if model.weights.train is None or model.dataset is None:
        raise InputError(f"model '{model.name}' is not trained here: its card has no weights.train")
    _stage("train")(
        model=model,
        training=catalog.training(model.weights.train),
        dataset=catalog.dataset(model.dataset),
        manifest=args.manifest,
        rundir=args.rundir,
        snapshot=args.out,
        history=args.history,
        device=args.device,
        initial=args.initial,
    )


def _import(args: argparse.Namespace, catalog: Catalog) -> None:
    _stage("import")(catalog.model(args.model), args.weights, args.out, args.part)


def _sample(args: argparse.Namespace, catalog: Catalog) -> None:
    model = catalog.model(args.model)
    _stage("sample")(model, args.weights, args.seed, args.count, args.out, args.device)


def _features(args: argparse.Namespace, catalog: Catalog) -> None:
    _stage("features")(catalog.detector(args.detector), args.weights, args.images, args.out, args.device)


def _measure(args: argparse.Namespace, catalog: Catalog) -> None:
    model, protocol = catalog.model(args.model), catalog.protocol(args.protocol)
    _stage("measure")(
        model=model,
        protocol=protocol,
        detector=catalog.detector(protocol.detector) if protocol.detector else None,
        seed=args.seed,
        real=args.real,
        fake=args.fake,
        out=args.out,
        device=args.device,
        demo=args.demo,
        code=provenance.metric_code(protocol, model),
        command=shlex.join(["stylenat", *sys.argv[1:]]),
    )


def _judge(args: argparse.Namespace, catalog: Catalog) -> None:
    _stage("judge")(args.plan, args.claim, args.results, args.out, provenance.claims_code())


def _report(args: argparse.Namespace, catalog: Catalog) -> None:
    print(_stage("report")(args.plan, args.results, args.out, args.readme))


def _check(args: argparse.Namespace, catalog: Catalog) -> None:
    for line in _stage("check")(catalog, args.run_files):
        print(line)


def _attention(args: argparse.Namespace, catalog: Catalog) -> None:
    backends = importlib.import_module("stylenat.attention.backends")
    for line in backends.listing(args.device):
        print(line)


def _list(args: argparse.Namespace, catalog: Catalog) -> None:
    for kind in [args.kind] if args.kind else KINDS:
        for name in catalog.names(kind):
            print(f"{kind}\t{name}\t{catalog.get(kind, name).title}")


def _add(commands: Any, name: str, run: Command, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run_command=run)
    return parser


def _paths(parser: argparse.ArgumentParser, *names: str, required: bool = True) -> None:
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=required)


def _words(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(f"--{name}", required=True)


def _positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected at least 1")
    return value


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")


def _make_stages(commands: Any) -> None:
    """The subcommands of making numbers: materials, networks, images, features, records."""
    fetch = _add(commands, "fetch", _fetch, "bring in raw images (cut, or downloaded and checked) or detector weights")
    what = fetch.add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset")
    what.add_argument("--detector")
    fetch.add_argument("--weights", type=Path, default=Path("weights"), help="folder of supplied weights")
    fetch.add_argument("--workers", type=_positive, default=8, help="files to download at once")
    _paths(fetch, "out")
    prepare = _add(commands, "prepare", _prepare, "check and resize raw images into shards")
    _words(prepare, "dataset")
    _paths(prepare, "raw", "out")
    prepare.add_argument("--checklist", type=Path, help="FFHQ's official list, or a manifest: what every image must be")
    prepare.add_argument("--workers", type=_positive, help="processes; one a core unless given")
    prepare.add_argument("--verify", action="store_true", help="only check the raw images, write none")
    export = _add(commands, "export", _export, "write a prepared set as a zip of PNGs, for other tools")
    _paths(export, "images", "out")
    export.add_argument("--workers", type=_positive, help="processes; one a core unless given")
    train = _add(commands, "train", _train, "train a model; run again to resume")
    _words(train, "model")
    _paths(train, "manifest", "rundir", "history", "out")
    train.add_argument("--initial", type=Path, help="snapshot of the trained model that this one grows from")
    _device(train)
    imported = _add(commands, "import", _import, "turn a published checkpoint into safetensors")
    _words(imported, "model")
    _paths(imported, "weights", "out")
    imported.add_argument("--part", choices=("generator", "discriminator"), default="generator")
    sample = _add(commands, "sample", _sample, "generate uint8 images from seeds")
    _words(sample, "model")
    _paths(sample, "weights", "out")
    sample.add_argument("--seed", type=int, required=True)
    sample.add_argument("--count", type=int, required=True)
    _device(sample)
    features = _add(commands, "features", _features, "extract a detector's features of images")
    _words(features, "detector")
    _paths(features, "weights", "images", "out")
    _device(features)
    measure = _add(commands, "measure", _measure, "make one measurement record")
    _words(measure, "model", "protocol")
    measure.add_argument("--seed", type=int, required=True)
    _paths(measure, "real", "fake", required=False)
    _paths(measure, "out")
    _device(measure)
    measure.add_argument("--demo", action="store_true", help="label the number a demo number")


def _show_stages(commands: Any) -> None:
    """The subcommands of planning, judging and showing."""
    plan = _add(commands, "plan", _plan, "resolve a run: its measurements, claims and cards")
    plan.add_argument("--run", required=True, help="the run configuration, as JSON")
    _paths(plan, "out")
    judge = _add(commands, "judge", _judge, "judge one claim on its records")
    _words(judge, "claim")
    _paths(judge, "plan", "results", "out")
    report = _add(commands, "report", _report, "render the report from plan, records and verdicts")
    _paths(report, "plan", "results", "out")
    report.add_argument("--readme", type=Path, help="also render the verdict table between this file's markers")
    check = _add(commands, "check", _check, "check all cards, and what a run needs that is not there")
    check.add_argument("run_files", nargs="*", type=Path, default=[], help="run configurations, e.g. config/paper.yaml")
    attention = _add(commands, "attention", _attention, "show the attention's backends, and why one is unavailable")
    attention.add_argument("--list", action="store_true", help="list them (what it does anyway)")
    _device(attention)
    listing = _add(commands, "list", _list, "list the cards")
    listing.add_argument("kind", nargs="?", choices=KINDS)


def build_parser() -> argparse.ArgumentParser:
    """The command line: subcommands with names and paths, nothing that a card should say."""
    parser = argparse.ArgumentParser(prog="stylenat", description="StyleNAT reproducibility harness")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--config", type=Path, default=ROOT / "config", help="folder of cards")
    parser.add_argument("--log", type=Path, help="keep a copy of all messages in this file")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _make_stages(commands)
    _show_stages(commands)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run one subcommand; a user's mistake ends in one line on stderr and exit status 1."""
    args = build_parser().parse_args(argv)
    try:
        if args.log is not None:
            args.log.parent.mkdir(parents=True, exist_ok=True)
            sys.stderr = _Tee(sys.stderr, open(args.log, "a", encoding="utf-8"))  # noqa: SIM115 (open until exit)
        args.run_command(args, Catalog(args.config))
    except InputError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(f"{place}{error.strerror or error}"))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    print(f"stylenat: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 1
