"""Preparing 1024 px PNGs at 256 px: ours against the obvious Pillow pipeline, at one and two cores; memory; reading.

Pillow's side is open, resize with LANCZOS, save as PNG (level 6), one process a core. Ours also decodes strictly,
compares every image with a list, and writes shards, a manifest and a fingerprint.
"""

import contextlib
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_photos import multiply, write_list, write_photographs
from PIL import Image

from stylenat.core.cards import DatasetCard
from stylenat.core.registry import ROOT
from stylenat.data.checklist import Checklist, read_checklist
from stylenat.data.decode import decode
from stylenat.data.prepare import write_prepared
from stylenat.data.sources import open_source

SIDE_PX = 256
# The stage in a process of its own, so that its memory is all there is. What it holds before reading images (imports
# and the list, of which FFHQ's has 70,000 entries) is told apart from the peak.
MEASURED = """
import sys
from pathlib import Path
from stylenat.core.cards import DatasetCard
from stylenat.data.checklist import read_checklist
from stylenat.stages import prepare
card = DatasetCard.model_validate_json(sys.argv[1])
raw, out, listing, workers = Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5])
kept = read_checklist(listing)
Path("/proc/self/clear_refs").write_text("5")
lines = lambda: dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
before = int(lines()["VmRSS"].split()[0])
prepare.run(card, raw, out, listing, workers)
print(before, int(lines()["VmHWM"].split()[0]))
"""


def card(count: int, resize_filter: str) -> DatasetCard:
    """A set of made-up photographs at 256 px."""
    return DatasetCard(
        name=f"made-{resize_filter}",
        title="Made-up photographs",
        source={"kind": "files", "path": "raw"},
        licence="none",
        reference="none",
        count=count,
        resolution=SIDE_PX,
        resize_filter=resize_filter,
        flips=False,
    )


def pillow_one(job: tuple[Path, Path]) -> None:
    """The obvious way for one image."""
    source, target = job
    with Image.open(source) as image:
        image.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).save(target, "png", compress_level=6)


def seconds_of_pillow(paths: list[Path], folder: Path, pool: "multiprocessing.pool.Pool") -> float:
    """Wall-clock seconds of Pillow's side."""
    start = time.perf_counter()
    pool.map(pillow_one, [(path, folder / path.name) for path in paths], chunksize=4)
    return time.perf_counter() - start


def seconds_of_ours(raw: Path, made: DatasetCard, checklist: Checklist, folder: Path, workers: int) -> float:
    """Wall-clock seconds of ours, from listing the folder to the manifest."""
    start = time.perf_counter()
    write_prepared(open_source(raw), made, folder / "manifest.json", checklist, workers)
    seconds = time.perf_counter() - start
    shutil.rmtree(folder)
    return seconds


def compare(paths: list[Path], checklist: Checklist, cores: int, rounds: int, scratch: Path) -> dict:
    """Each side in turn, round by round, on so many cores."""
    from harness import summary

    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[:cores])
    names = ("lanczos", "tfrecord")
    seconds: dict[str, list[float]] = {"pillow": [], **{name: [] for name in names}}
    (scratch / "pillow").mkdir(exist_ok=True)
    try:
        with multiprocessing.get_context("fork").Pool(cores) as pool:
            for number in range(rounds + 1):
                found = {"pillow": seconds_of_pillow(paths, scratch / "pillow", pool)}
                for name in names:
                    made = card(len(paths), name)
                    found[name] = seconds_of_ours(paths[0].parent, made, checklist, scratch / name, cores)
                for name, value in found.items():
                    if number:  # the first round warms up
                        seconds[name].append(value)
    finally:
        os.sched_setaffinity(0, everything)
    result = {name: summary({"pillow": seconds["pillow"], name: seconds[name]}, name) for name in names}
    for name in names:
        ours, other = result[name][name]["median_ms"] / len(paths), result[name]["pillow"]["median_ms"] / len(paths)
        low, high = result[name]["pillow"]["over_ours_spread"]
        ratio = result[name]["pillow"]["over_ours"]
        times = f"{ours:6.1f} ms/image  pillow {other:6.1f}"
        print(f"{cores} cores  {name:9} {times}  ratio {ratio:.2f} ({low:.2f} to {high:.2f})")
    return result


def memory(raw: Path, count: int, checklist: Path, workers: int, out: Path) -> dict[str, float]:
    """Peak memory of the stage in a process of its own, and of its worker processes, in MB."""
    command = [sys.executable, "-c", MEASURED, card(count, "lanczos").model_dump_json(), raw, out, checklist, workers]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, cwd=ROOT)
    peaks: dict[int, float] = {}
    watcher = threading.Thread(target=watch_children, args=(process, peaks))
    watcher.start()
    before, peak = (int(word) * 1024 / 1e6 for word in process.communicate()[0].split())
    watcher.join()
    own = sorted(peaks.values())[-workers:] if workers > 1 else [peak]
    others = ", ".join(f"{value:.0f}" for value in own)
    print(f"{count} images, {workers} workers: stage {before:.0f} MB at its start, peak {peak:.0f}; a worker {others}")
    return {"images": count, "workers": workers, "peak_mb": peak, "start_mb": before, "worker_peaks_mb": own}


def watch_children(process: subprocess.Popen, peaks: dict[int, float]) -> None:
    """Note the peak memory of each child of a process, in MB, for as long as it runs."""
    while process.poll() is None:
        for path in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError, KeyError, ValueError):
                lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
                if int(lines["PPid"]) == process.pid:
                    peaks[int(path.parent.name)] = int(lines["VmHWM"].split()[0]) * 1024 / 1e6
        time.sleep(0.05)


def read_rates(manifest: Path, rounds: int) -> dict[str, dict]:
    """Random reads of 256 px images on one core: from shards, half of them mirrored, and from PNG files in memory."""
    from harness import summary

    from stylenat.data.view import open_prepared

    images = open_prepared(manifest)
    order = np.random.default_rng(0).permutation(len(images)).tolist()
    batches = [order[start : start + 32] for start in range(0, len(order) - 31, 32)]
    some = order[:200]
    files = {}
    for index in some:
        buffer = io.BytesIO()
        Image.fromarray(images.images_at([index])[0].permute(1, 2, 0).numpy()).save(buffer, "png")
        files[index] = buffer.getvalue()
    mirrored = [index % 2 == 0 for index in range(32)]
    sides: dict[str, tuple[Callable, list, int]] = {
        "shards": (images.images_at, batches, 32),
        "shards, half mirrored": (lambda batch: images.images_at(batch, mirrored), batches, 32),
        "PNG by Pillow": (lambda index: np.asarray(Image.open(io.BytesIO(files[index]))), some, 1),
        "PNG by kornia-rs": (lambda index: decode(files[index], "file"), some, 1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, (read, items, size) in sides.items():
            start = time.perf_counter()
            for item in items:
                read(item)
            if number:
                seconds[name].append((time.perf_counter() - start) / len(items) / size)
    result = {ours: summary({n: s for n, s in seconds.items()}, ours) for ours in ("shards", "shards, half mirrored")}
    for ours, found in result.items():
        ratios = ", ".join(f"{found[n]['over_ours']:.0f} times {n}" for n in found if n.startswith("PNG"))
        print(f"{ours}: {1e3 / found[ours]['median_ms']:.0f} images/s, {ratios}")
    return result


def main(args: Namespace) -> None:
    """Time both sides, print ratios, write a record."""
    import torch
    from harness import heading, write_record

    torch.set_num_threads(1)
    device = torch.device("cpu")
    print(heading(device))
    paths = write_photographs(ROOT / "build/bench/photographs", args.images)
    sizes = [path.stat().st_size for path in paths]
    print(f"# {len(paths)} PNGs of {sum(sizes) / len(sizes) / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory(dir=ROOT / "build/bench") as name:
        scratch = Path(name)
        listing = write_list(paths, scratch / "list.json")
        timed = multiply(paths, scratch / "timed", args.timed)
        checklist = read_checklist(write_list(timed, scratch / "timed.json"))
        results = {"images": len(timed), "mean_bytes": sum(sizes) / len(sizes)}
        for cores in (1, 2):
            results[f"{cores} cores"] = compare(timed, checklist, cores, args.rounds, scratch)
        many = multiply(paths, scratch / "many", args.many)
        long_list = write_list(many, scratch / "many.json")
        raws = [(paths[0].parent, len(paths), listing), (scratch / "many", len(many), long_list)]
        results["memory"] = [
            memory(raw, count, checked, workers, scratch / f"memory-{count}-{workers}" / "manifest.json")
            for raw, count, checked in raws
            for workers in (1, 2)
        ]
        manifest = scratch / f"memory-{len(many)}-2" / "manifest.json"
        everything = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(everything)[:1])
        results["reads"] = read_rates(manifest, args.rounds)
        os.sched_setaffinity(0, everything)
    write_record(args.out, "prepare", device, results)


if __name__ == "__main__":
    from harness import parser  # here and in functions: what stands above is imported by every worker process, too

    arguments = parser(__doc__)
    arguments.add_argument("--images", type=int, default=200)
    arguments.add_argument("--timed", type=int, default=5, help="how often the images are linked to be timed")
    arguments.add_argument("--many", type=int, default=10, help="how often they are linked for the larger set")
    arguments.add_argument("--rounds", type=int, default=3)
    main(arguments.parse_args())
