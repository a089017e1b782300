"""Neighborhood attention of every backend that runs here, level by level of FFHQ-256 or 1024, sides in turn.

Prints median milliseconds of each side, its time over that of `tiled` with the spread of that ratio over the rounds;
then the geometric mean over the levels. Peak memory is that of a pass beyond its inputs. natten 0.17.5's own operators
take part where `build_natten.sh` has built them: `tuned`, with optimisation and OpenMP, is the one to compare with;
`stock`, as its own build leaves it, is for the record.
"""

import argparse
import math
import os
import subprocess
import sys
from functools import partial

import torch
from harness import Quiet, heading, parser, peak_extra_bytes, summary, write_record
from levels import inputs, run

from stylenat.attention import BACKENDS
from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT
from stylenat.network.config import parse_arch
from stylenat.nn.skeleton.config import resolution_of

OURS = "tiled"
# The definition keeps all windows' keys and values; flex's backward does not exist on a CPU, natten's new one neither.
LARGEST_PX = {"reference": 256, "flex": 64}
ROUNDS = {16: 21, 32: 21, 64: 11, 128: 7, 256: 5, 512: 3, 1024: 3}


def sides_for(names, side, backward):
    """Those of the backends that can do the pass at this size."""
    return [
        name
        for name in names
        if side <= LARGEST_PX.get(name, side)
        and not (backward and name == "flex")
        and BACKENDS[name].unavailable(torch.device("cpu")) is None
    ]


def peak(backend, px, backward, model):
    """Peak bytes beyond the inputs, seen by a process of its own."""
    command = [sys.executable, __file__, "--model", model, "--peak", backend, str(px), str(int(backward))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(args, arch):
    """All levels and both passes as rows, printed on the way; each holds what disturbed attempts before it gave."""
    rows, quiet = [], Quiet()
    print(
        f"{'px':>4} {'pass':<7} {'side':<10} {'median ms':>10} {'least ms':>9} {'over tiled':>10}  spread       peak MB"
    )
    for level in range(2, arch.levels):
        side = resolution_of(level)
        if not args.min_px <= side <= args.max_px:
            continue
        given = inputs(arch, level)
        for backward in (False, True):
            names = sides_for(args.sides, side, backward)
            calls = {name: partial(run, name, backward, *given) for name in names}
            found, is_quiet, earlier = quiet.seconds_in_turn(calls, args.rounds or ROUNDS[side])
            disturbed = [summary(attempt, OURS) for attempt in earlier]
            for name, row in summary(found, OURS).items():
                row["quiet"] = is_quiet
                row["disturbed_attempts_over_ours"] = [attempt[name]["over_ours"] for attempt in disturbed]
                row |= {"px": side, "pass": "fwd+bwd" if backward else "fwd", "side": name}
                row["peak_extra_bytes"] = peak(name, side, backward, args.model) if args.memory else None
                rows.append(row)
                low, high = row["over_ours_spread"]
                memory = f"{row['peak_extra_bytes'] / 1e6:8.0f}" if args.memory else ""
                print(f"{side:>4} {row['pass']:<7} {name:<10} {row['median_ms']:>10.1f} {row['least_ms']:>9.1f}"
                      f" {row['over_ours']:>10.2f}  {low:5.1f} to {high:5.1f} {memory}", flush=True)  # fmt: skip
    repeated = sum(len(row["disturbed_attempts_over_ours"]) for row in rows if row["side"] == OURS)
    loud = sum(not row["quiet"] for row in rows if row["side"] == OURS)
    print(f"# other load: {repeated} attempts made again, {loud} kept though disturbed")
    return rows


def means(rows, from_px):
    """Geometric means over the levels, and the least, of each side's time over ours."""
    print(f"# from {from_px} px on: geometric mean and least of the time over tiled")
    found = {}
    for kind in ("fwd", "fwd+bwd"):
        for name in dict.fromkeys(row["side"] for row in rows):
            ratios = [r["over_ours"] for r in rows if (r["side"], r["pass"]) == (name, kind) and r["px"] >= from_px]
            if ratios and name != OURS:
                mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
                found[f"{name} {kind}"] = {"geometric_mean": mean, "least": min(ratios), "levels": len(ratios)}
                print(f"# {name:<10} {kind:<7} {mean:6.2f} {min(ratios):6.2f} ({len(ratios)} levels)")
    return found


def with_natten(kind):
    """Start again with a build of natten in reach; its modules can't be exchanged in a running process."""
    folder = ROOT / "build" / f"natten-{kind}"
    if not (folder / ".ready").exists():
        print(f"# natten 0.17.5 ({kind}) is not built; tests/bench/build_natten.sh does", file=sys.stderr)
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    os.execv(sys.executable, [sys.executable, *sys.argv, "--natten", "given"])


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--model", default="stylenat-ffhq-256")
    arguments.add_argument("--min-px", type=int, default=16)
    arguments.add_argument("--max-px", type=int, default=1024)
    arguments.add_argument("--rounds", type=int, help="default: fewer for larger maps")
    arguments.add_argument("--sides", nargs="+", default=["reference", "natten", "flex", OURS], choices=BACKENDS)
    arguments.add_argument("--natten", default="tuned", choices=("tuned", "stock", "given"))
    arguments.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    arguments.add_argument("--name", default="attention-256")
    arguments.add_argument("--peak", nargs=3, metavar=("SIDE", "PX", "BACKWARD"), help="print bytes and end")
    args = arguments.parse_args()
    arch = parse_arch(Catalog(ROOT / "config").model(args.model).arch)
    if args.peak:
        name, side, backward = args.peak
        given = inputs(arch, int(side).bit_length() - 3)
        run(name, False, *inputs(arch, 1))  # what a first call brings along is not the pass's
        print(peak_extra_bytes(lambda: run(name, backward == "1", *given)))
        return
    if args.natten != "given" and "natten" in args.sides:
        with_natten(args.natten)
    device = torch.device("cpu")
    print(heading(device) + f", {args.model}, batch 1, float32")
    rows = measure(args, arch)
    write_record(args.out, args.name, device, {"rows": rows, "from 32 px": means(rows, 32)})


if __name__ == "__main__":
    main()
