"""Arguments only: one subcommand a stage, plus `check`, `status` and `list`."""

import argparse
import sys
from pathlib import Path
from typing import Any, TextIO, get_args

from stylenat import __version__, subcommands
from stylenat.core.cards import Pictures
from stylenat.core.catalog import KINDS, Catalog
from stylenat.core.errors import InputError, Unfinished
from stylenat.core.registry import ROOT


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


def _add(commands: Any, name: str, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run_command=getattr(subcommands, f"run_{name}"))
    return parser


def _paths(parser: argparse.ArgumentParser, *names: str, required: bool = True) -> None:
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=required)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}, expected a number of minutes above 0")
    return minutes


def _words(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(f"--{name}", required=True)


def _positive(text: str, least: int = 1) -> int:
    """A whole number of at least `least`, for argparse."""
    value = int(text)
    if value < least:
        raise argparse.ArgumentTypeError(f"found {value}, expected at least {least}")
    return value


def _count(text: str) -> int:
    """A whole number of at least 0, for argparse."""
    return _positive(text, 0)


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")


def _pass_options(parser: argparse.ArgumentParser) -> None:
    """What a pass over images needs besides the images."""
    parser.add_argument("--protocols", nargs="+", required=True, help="which detectors see the images, and how many")
    parser.add_argument("--batch-size", type=_positive, default=16)
    parser.add_argument("--workers", type=_positive, help="processes of one thread each; one a core unless given")
    _device(parser)


def _evaluate_options(commands: Any) -> None:
    """The subcommand that measures one snapshot outside the workflow."""
    evaluate = _add(commands, "evaluate", "measure one snapshot under several protocols, in one pass")
    _words(evaluate, "model")
    _paths(evaluate, "weights", "images", "out")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--dataset", help="the data set that --images is of; the model's own unless given")
    evaluate.add_argument(
        "--detector-weights", type=Path, default=Path("weights"), help="folder of supplied detector weights"
    )
    evaluate.add_argument("--demo", action="store_true", help="label the numbers demo numbers")
    _pass_options(evaluate)


def _make_stages(commands: Any) -> None:
    """The subcommands of making numbers: materials, networks, images, features, records."""
    fetch = _add(commands, "fetch", "bring in raw images (cut, or downloaded and checked) or detector weights")
    what = fetch.add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset")
    what.add_argument("--detector")
    fetch.add_argument("--weights", type=Path, default=Path("weights"), help="folder of supplied weights")
    fetch.add_argument("--workers", type=_positive, default=8, help="files to download at once")
    _paths(fetch, "out")
    prepare = _add(commands, "prepare", "check and resize raw images into shards")
    _words(prepare, "dataset")
    _paths(prepare, "raw", "out")
    prepare.add_argument("--checklist", type=Path, help="FFHQ's official list, or a manifest: what every image must be")
    prepare.add_argument("--workers", type=_positive, help="processes; one a core unless given")
    prepare.add_argument("--verify", action="store_true", help="only check the raw images, write none")
    export = _add(commands, "export", "write a prepared set as a zip of PNGs, for other tools")
    _paths(export, "images", "out")
    export.add_argument("--workers", type=_positive, help="processes; one a core unless given")
    train = _add(commands, "train", "train a model; run again to resume")
    _words(train, "model")
    _paths(train, "manifest", "rundir")
    _paths(train, "history", "out", required=False)
    train.add_argument("--detector-weights", type=Path, help="folder of the weights for the recipe's quick FID")
    train.add_argument("--time-limit", type=_minutes, metavar="MINUTES", help="stop in good order before so long")
    train.add_argument(
        "--processes",
        type=_count,
        default=0,
        help="at most so many, a GPU each; fewer where passes don't divide; 0: one",
    )
    train.add_argument("--dry-run", action="store_true", help="print the resolved plan and the memory it needs")
    train.add_argument("--initial", type=Path, help="snapshot of the trained model that this one grows from")
    _device(train)
    imported = _add(commands, "import", "turn a published checkpoint into safetensors")
    _words(imported, "model")
    _paths(imported, "weights", "out")
    imported.add_argument("--part", choices=("generator", "discriminator"), default="generator")
    sample = _add(commands, "sample", "generate uint8 images from seeds")
    _words(sample, "model")
    _paths(sample, "weights", "out")
    sample.add_argument("--seed", type=int, required=True)
    sample.add_argument("--count", type=int, required=True)
    _device(sample)
    maps = _add(commands, "maps", "show where every head looks while one image is made")
    _words(maps, "model")
    _paths(maps, "weights", "out")
    maps.add_argument("--seed", type=int, default=0)
    maps.add_argument("--index", type=int, default=0, help="which image of the seed")
    _device(maps)
    features = _add(commands, "features", "make images once and keep every detector's statistics of them")
    features.add_argument("--images", type=Path, help="manifest of a prepared set; else give model, weights and seed")
    features.add_argument("--model")
    features.add_argument("--weights", type=Path, help="the model's snapshot")
    features.add_argument("--seed", type=int)
    _pass_options(features)
    features.add_argument("--detector-weights", type=Path, required=True, help="folder of DETECTOR.pth, as fetch wrote")
    features.add_argument("--statistics", type=Path, required=True, help="folder of statistics by content")
    features.add_argument("--moments-only", action="store_true", help="keep features only where a metric reads them")
    _paths(features, "out")
    throughput = _add(commands, "throughput", "time several networks in turn, in one process")
    _words(throughput, "protocol")
    throughput.add_argument("--models", nargs="+", required=True)
    throughput.add_argument("--seed", type=int, required=True)
    _paths(throughput, "out")
    _device(throughput)
    measure = _add(commands, "measure", "make the records of a model under a protocol, and a list of them")
    _words(measure, "model", "protocol")
    measure.add_argument("--seeds", type=int, nargs="+", required=True)
    measure.add_argument("--datasets", nargs="+", default=[], help="the data sets whose images are the reals")
    for name, of in {"real": "data set", "fake": "seed", "session": "seed"}.items():
        measure.add_argument(f"--{name}", type=Path, nargs="+", default=[], help=f"one a {of}, in their order")
    measure.add_argument("--machine", default="", help="where timings were taken: part of a record's name")
    measure.add_argument("--out", type=Path, required=True, help="the list; records are written beside it")
    _device(measure)
    measure.add_argument("--demo", action="store_true", help="label the number a demo number")


def _show_stages(commands: Any) -> None:
    """The subcommands of planning, judging and showing."""
    plan = _add(commands, "plan", "resolve a run: its measurements, claims and cards")
    plan.add_argument("--run", required=True, help="the run configuration, as JSON")
    _paths(plan, "out")
    judge = _add(commands, "judge", "judge one claim on its records")
    _words(judge, "claim")
    _paths(judge, "plan", "results", "out")
    simulate = _add(commands, "simulate", "draw features of known truth: what error bars are worth")
    _paths(simulate, "out")
    simulate.add_argument("--draws", type=_positive, help="of the fakes; fewer than usual make a quick look")
    report = _add(commands, "report", "render the report from plan, records and verdicts")
    _paths(report, "plan", "results", "out", required=False)
    report.add_argument("--readme", type=Path, help="also render the verdict table between this file's markers")
    report.add_argument(
        "--pictures", choices=get_args(Pictures), help="in the page, beside it, or in it while it is below 5 MB (fit)"
    )
    _compare_options(report)
    check = _add(commands, "check", "check all cards, and what a run needs that is not there")
    check.add_argument("run_files", nargs="*", type=Path, default=[], help="run configurations, e.g. config/paper.yaml")
    check.add_argument(
        "--cluster", action="store_true", help="also ask SLURM whether jobs would start, and be seen to end"
    )
    _status_options(commands)
    attention = _add(commands, "attention", "show the attention's backends, and why one is unavailable")
    attention.add_argument("--list", action="store_true", help="list them (what it does anyway)")
    _device(attention)
    listing = _add(commands, "list", "list the cards")
    listing.add_argument("kind", nargs="?", choices=KINDS)


def _status_options(commands: Any) -> None:
    """The subcommand that watches a run."""
    status = _add(commands, "status", "show what of a run is done, running, failed and waiting")
    status.description = (
        "Show what of a run is done, running, failed and waiting, by the files in its results folder; writes nothing."
        " Run it where Snakemake runs, as a run names its folders from there."
        " Done means that files are there: they may be older than code or cards, and `snakemake -n` says what would run"
        " again. Begun means that a job has left a log but neither product nor error: it runs, or was ended from"
        " outside; of trainings alone can files tell that they are running. Speeds and times left are estimates."
    )
    status.add_argument(
        "run_files", nargs="*", type=Path, help="run configurations; config.yaml among the cards if none"
    )
    status.add_argument("--json", action="store_true", help="print JSON, for machines")


def _compare_options(report: argparse.ArgumentParser) -> None:
    """`report compare`: two campaigns instead of one, with options of its own."""
    text = "set two campaigns side by side: which verdicts changed, and what differs behind them"
    compare = report.add_subparsers(metavar="compare", required=False).add_parser(
        "compare", help=text, description=text
    )
    compare.add_argument("campaigns", nargs=2, type=Path, metavar=("A", "B"), help="two folders of results")
    compare.add_argument("--format", choices=("text", "markdown", "json", "csv"), default="text")
    compare.add_argument("--out", dest="file", type=Path, help="write it to this file instead of printing it")
    compare.set_defaults(run_command=subcommands.run_compare)


def build_parser() -> argparse.ArgumentParser:
    """The command line: subcommands with names and paths, nothing that a card should say."""
    parser = argparse.ArgumentParser(prog="stylenat", description="StyleNAT reproducibility harness")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--config", type=Path, default=ROOT / "config", help="folder of cards")
    parser.add_argument("--log", type=Path, help="keep a copy of all messages in this file")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _make_stages(commands)
    _evaluate_options(commands)
    _show_stages(commands)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run one subcommand; a user's mistake ends in one line on stderr and exit status 1, unfinished work in 75."""
    args = build_parser().parse_args(argv)
    args.given = sys.argv[1:] if argv is None else argv
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
    except Unfinished as stop:
        print(f"stylenat: unfinished: {' '.join(str(stop).split())}", file=sys.stderr, flush=True)
        sys.exit(subcommands.CONTINUE)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    print(f"stylenat: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 1
