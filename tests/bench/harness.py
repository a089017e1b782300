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


def seconds_in_turn(
    sides: Sides, rounds: int, device: torch.device | None = None, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of each side, round by round; each runs once before, untimed, unless that was done."""
    if warm_up:
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
    """Tells whether the machine is as near its best as it has been: operations of fixed size, timed with each round.

    Others on the same hardware slow a product of matrices, and where a virtual machine's cores are moved apart their
    threads meet later: code of many small operations loses a third of its speed, one long loop nothing. A ratio between
    two such sides is then one of the hour. Such an attempt is made again, and what it gave is in the record.
    """

    def __init__(self, tolerance: float = 1.12, attempts: int = 8, pause: float = 5) -> None:
        self.tolerance, self.attempts, self.pause = tolerance, attempts, pause
        self.operands, self.row, self.result = torch.randn(2, 640, 640), torch.randn(70000), torch.empty(70000)
        self.seen: list[tuple[float, float]] = []
        for _ in range(40):
            self.probe()
        self.least = self._least()

    def probe(self) -> None:
        """Least seconds, in five, of a product and of fifty short operations for which the threads meet."""
        columns = seconds_in_turn({"product": lambda: torch.mm(*self.operands), "meetings": self._meet}, 5).values()
        self.seen.append(tuple(map(min, columns)))

    def _meet(self) -> None:
        for _ in range(50):
            torch.add(self.row, 1, out=self.result)

    def _least(self) -> tuple[float, ...]:
        return tuple(map(min, zip(*self.seen, strict=True)))

    def seconds_in_turn(
        self, sides: Sides, rounds: int
    ) -> tuple[dict[str, list[float]], bool, list[dict[str, list[float]]]]:
        """As the function; whether the attempt was a quiet one; and the earlier attempts, which were not."""
        earlier: list[dict[str, list[float]]] = []
        while True:
            self.seen.clear()
            found = seconds_in_turn({**sides, "probe": self.probe}, rounds)
            del found["probe"]
            self.least = tuple(map(min, self.least, self._least()))
            now = map(statistics.median, zip(*self.seen, strict=True))
            quiet = all(x <= self.tolerance * least for x, least in zip(now, self.least, strict=True))
            if quiet or len(earlier) + 1 == self.attempts:
                return found, quiet, earlier
            earlier.append(found)
            time.sleep(self.pause)


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
        "command": [Path(sys.argv[0]).name, *_without_folder(sys.argv[1:])],
        "results": results,
    }
    path = folder / f"{name}-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"# record: {path}", file=sys.stderr)
    return path


def _without_folder(arguments: Sequence[str]) -> list[str]:
    """All but `--out FOLDER`, which says nothing about what was measured."""
    kept = list(arguments)
    if "--out" in kept:
        at = kept.index("--out")
        del kept[at : at + 2]
    return kept


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
