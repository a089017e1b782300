"""What the benchmarks share: sides run in turn in one process, ratios with their spread, records of what was seen."""

import argparse
import datetime
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from stylenat.core import provenance
from stylenat.core.device import describe
from stylenat.core.registry import ROOT

Sides = Mapping[str, Callable[[], object]]


def parser(doc: str) -> argparse.ArgumentParser:
    """Arguments that every benchmark has."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--out", type=Path, default=ROOT / "build/bench", help="folder of the record")
    return made


def seconds_in_turn(sides: Sides, rounds: int, device: torch.device | None = None) -> dict[str, list[float]]:
    """Seconds of each side, round by round; each runs once before, untimed."""
    for run in sides.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            _synchronize(device)
            start = time.perf_counter()
            run()
            _synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return seconds


class Quiet:
    """Tells whether the machine is this process's own: a product of fixed size, timed with the sides of a round.

    On a shared core another's load slows a product by a third while code that waits for memory or for its own results
    loses little: a ratio between two such sides is then neither's. Such an attempt is discarded whole.
    """

    def __init__(self, tolerance: float = 1.1, attempts: int = 6) -> None:
        self.tolerance, self.attempts, self.discarded = tolerance, attempts, 0
        self.a, self.b = torch.randn(2, 640, 640)
        self.least = min(seconds_in_turn({"probe": self.probe}, 200)["probe"])

    def probe(self) -> None:
        """The product."""
        torch.mm(self.a, self.b)

    def seconds_in_turn(self, sides: Sides, rounds: int) -> tuple[dict[str, list[float]], bool]:
        """As the function, tried again while others load the machine; and whether the last attempt was quiet."""
        for attempt in range(self.attempts):
            found = seconds_in_turn({**sides, "probe": self.probe}, rounds)
            probes = found.pop("probe")
            self.least = min(self.least, *probes)
            if statistics.median(probes) <= self.tolerance * self.least:
                return found, True
            if attempt < self.attempts - 1:
                self.discarded += 1
                time.sleep(2)
        return found, False


def _synchronize(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def summary(seconds: Mapping[str, Sequence[float]], ours: str) -> dict[str, dict[str, object]]:
    """Median and least milliseconds of each side, and its time over ours: of the medians, and least to greatest."""
    found = {}
    for name, column in seconds.items():
        ratios = sorted(a / b for a, b in zip(column, seconds[ours], strict=True))
        found[name] = {
            "median_ms": statistics.median(column) * 1e3,
            "least_ms": min(column) * 1e3,
            "noise": statistics.median(column) / min(column),
            "over_ours": statistics.median(column) / statistics.median(seconds[ours]),
            "over_ours_spread": [ratios[0], ratios[-1]],
            "rounds_ms": [1e3 * value for value in column],
        }
    return found


def write_record(folder: Path, name: str, device: torch.device, results: object) -> Path:
    """One JSON file: the results with device, versions, code revision and command."""
    record = {
        "benchmark": name,
        "device": describe(device),
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "git": provenance.git_state(),
        "date": datetime.date.today().isoformat(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "results": results,
    }
    path = folder / f"{name}-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"# record: {path}", file=sys.stderr)
    return path


def heading(device: torch.device) -> str:
    """One line that says what machine this is."""
    found = describe(device)
    threads = f", {found['torch_threads']} threads" if "torch_threads" in found else ""
    return f"# {found['name']}{threads}, torch {torch.__version__}"


def peak_extra_bytes(run: Callable[[], object]) -> int:
    """How far the process's memory rises above what it held before, during one run; Linux alone tells."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory_bytes("VmRSS")
    run()
    return memory_bytes("VmHWM") - before


def memory_bytes(key: str) -> int:
    """A line of the process's memory as Linux keeps it: VmRSS for now, VmHWM for the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
