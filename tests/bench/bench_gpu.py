"""A GPU's attention per level at batch 16, and the generators' sampling; without a GPU it says so and ends.

Attention: every backend that runs there, forward and forward+backward, its largest error against the definition in
float64 on the smallest level, and the share of the roofline: the least time that memory traffic (q, k, v and the result
once) and products take at the bandwidth and the rate that this device shows in the same run, over the time seen.
Generators: images/s of StyleNAT-256 at batch 64 and StyleNAT-1024 at batch 8 in float32, TF32 and bfloat16, eager and
compiled, beside the numbers of arXiv 2403.04690, which are of other hardware.
"""

import argparse
import gc
import statistics
from contextlib import nullcontext
from functools import partial

import torch
from bench_generator import build
from harness import heading, parser, seconds_in_turn, summary, write_record
from levels import inputs, run

from stylenat.attention import BACKENDS, pick
from stylenat.core.catalog import Catalog
from stylenat.core.device import backend as switches
from stylenat.core.registry import ROOT
from stylenat.core.seeds import latents
from stylenat.network.config import parse_arch
from stylenat.nn.skeleton.config import resolution_of

SIDES = ("triton", "reference", "flex", "natten", "tiled")
PRECISIONS = ("fp32", "tf32", "bf16")
MODELS = {"stylenat-ffhq-256": 64, "stylenat-ffhq-1024": 8}
PUBLISHED = ("throughput-256-naive", "throughput-256-fused", "throughput-1024-naive", "throughput-1024-fused")


def roofline(device, dtype):
    """Bytes/s of a large copy and FLOP/s of a large product, as this device shows them now."""
    side = 8192 if device.type == "cuda" else 512
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    target = torch.empty_like(a)
    found = seconds_in_turn({"copy": lambda: target.copy_(a), "product": lambda: torch.mm(a, b)}, 10, device)
    size = a.element_size() * a.numel()
    return {
        "bytes_per_s": 2 * size / statistics.median(found["copy"]),
        "flop_per_s": 2 * side**3 / statistics.median(found["product"]),
    }


def least_seconds(qkv, partitions, backward, rates):
    """What traffic and products need at least; backward: q, k, v, result and its gradient in, three gradients out."""
    batch, height, width, _, _, channels = qkv.shape
    pairs = batch * height * width * sum(heads * kernel**2 for heads, kernel, _ in partitions)
    traffic, flop = qkv.numel() // 3 * qkv.element_size(), 4 * pairs * channels
    bounds = [(4 * traffic, flop), (8 * traffic, flop // 2 * 5)][: 2 if backward else 1]
    return sum(max(t / rates["bytes_per_s"], f / rates["flop_per_s"]) for t, f in bounds)


def definition_bytes(qkv, partitions, backward):
    """About what the definition holds: every window's keys and values, again for their gradients."""
    heads = max(part.heads * part.kernel_size**2 for part in partitions) / qkv.shape[4]
    return (6 if backward else 3) * heads * qkv.numel() / 3 * 2 * qkv.element_size()


def fits(name, qkv, partitions, backward):
    """Whether a side can do the pass on this device."""
    if BACKENDS[name].unavailable(qkv.device) is not None or (name == "tiled" and qkv.device.type != "cpu"):
        return False
    if name != "reference" or qkv.device.type != "cuda":
        return True
    return definition_bytes(qkv, partitions, backward) < 0.8 * torch.cuda.mem_get_info(qkv.device)[0]


def attempt(name, call):
    """A side's first run; what fails is said and left out."""
    try:
        call()
    except Exception as error:  # a backend that can't do this size or type must not end the others
        print(f"# {name}: {type(error).__name__}: {str(error).splitlines()[0][:120]}", flush=True)
        return False
    return True


def attention_rows(args, arch, device):
    """All levels, passes and types."""
    rows = []
    for dtype in (torch.bfloat16, torch.float32):
        rates = roofline(device, dtype)
        print(f"# {dtype}: {rates['bytes_per_s'] / 1e12:.2f} TB/s copied, {rates['flop_per_s'] / 1e12:.1f} TFLOP/s")
        for level in range(2, arch.levels):
            side = resolution_of(level)
            if side > args.max_px:
                break
            given = inputs(arch, level, args.batch, device, dtype)
            for backward in (False, True):
                calls = {n: partial(run, n, backward, *given) for n in SIDES if fits(n, *given[:2], backward)}
                calls = {name: call for name, call in calls.items() if attempt(name, call)}
                if not calls:
                    continue
                ours = next(iter(calls))
                bound = least_seconds(*given[:2], backward, rates)
                for name, row in summary(seconds_in_turn(calls, args.rounds, device), ours).items():
                    row |= {"px": side, "pass": "fwd+bwd" if backward else "fwd", "side": name, "dtype": str(dtype)}
                    row["roofline_share"] = bound / (row["median_ms"] / 1e3)
                    rows.append(row)
                    share = f"{100 * row['roofline_share']:5.1f} % of the roofline"
                    times = f"{row['median_ms']:>9.3f} ms {row['over_ours']:>7.2f} times {ours}"
                    print(f"{side:>4} {row['pass']:<7} {name:<10} {times}, {share}", flush=True)
            del given
            _free(device)
    return rows


def attention_errors(arch, device, batch):
    """Largest relative difference from the definition in float64, on the smallest level with two neighborhoods."""
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        qkv, partitions, biases, grad = inputs(arch, 2, min(batch, 2), device, dtype)
        given = (qkv.double(), partitions, [bias.double() for bias in biases], grad.double())
        expected = run("reference", True, *given)
        for name in SIDES:
            if not fits(name, qkv, partitions, True):
                continue
            try:
                got = run(name, True, qkv, partitions, biases, grad)
            except Exception as error:  # as above
                found[f"{name} {dtype}"] = str(error).splitlines()[0][:120]
                continue
            pairs = zip(got, expected, strict=True)
            found[f"{name} {dtype}"] = [float((a.double() - b).abs().max() / b.abs().max()) for a, b in pairs]
    return found


def precision(name, device):
    """The switches and the autocast of a precision."""
    return torch.autocast(device.type, torch.bfloat16) if name == "bf16" else nullcontext()


@torch.inference_mode()
def generator_rows(args, device):
    """Images/s of each model, precision and compilation, peak memory, and the error against float32."""
    rows = []
    for model, batch in MODELS.items():
        generator = build(model).to(device)
        batch = min(batch, args.generator_batch or batch)
        z_BZ = latents(0, range(batch), generator.spec.z_dim).to(device)
        expected = generator(z_BZ[:1])
        for compiled in (False, True) if args.compile else (False,):
            for name in PRECISIONS:
                network = torch.compile(generator) if compiled else generator
                with switches(tf32=name == "tf32"), precision(name, device):
                    if not attempt(f"{model} {name}", lambda network=network, z=z_BZ: network(z)):
                        continue
                    if device.type == "cuda":
                        torch.cuda.reset_peak_memory_stats(device)
                    call = {"sampled": lambda network=network, z=z_BZ: network(z)}
                    seconds = seconds_in_turn(call, args.rounds, device)["sampled"]
                    image = network(z_BZ)[:1]
                row = {"model": model, "batch": batch, "precision": name, "compiled": compiled, "seconds": seconds}
                row["images_per_s"] = batch / statistics.median(seconds)
                row["error"] = float((image - expected).abs().max() / expected.abs().max())
                if device.type == "cuda":
                    row["peak_bytes"] = torch.cuda.max_memory_allocated(device)
                rows.append(row)
                how = "compiled" if compiled else "eager"
                print(f"{model} batch {batch} {name} {how:<8} {row['images_per_s']:8.2f} images/s"
                      f"  error {row['error']:.1e}  {row.get('peak_bytes', 0) / 1e9:.1f} GB", flush=True)  # fmt: skip
                torch.compiler.reset()
                _free(device)
        del generator
        _free(device)
    return rows


def _free(device):
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def published():
    """The numbers of others, with their hardware."""
    numbers = {number.id: number for number in Catalog(ROOT / "config").get("published", "fused-na").numbers}
    found = [
        f"{numbers[key].value} {numbers[key].unit} ({numbers[key].note} {numbers[key].hardware})" for key in PUBLISHED
    ]
    for line in found:
        print(f"# other hardware, arXiv 2403.04690: {line}")
    return found


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cuda", help="cpu: to try the benchmark itself")
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--generator-batch", type=int, help="at most so many images at a time")
    arguments.add_argument("--max-px", type=int, default=1024)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    arguments.add_argument("--generators", action=argparse.BooleanOptionalAction, default=True)
    args = arguments.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("# no usable GPU here: nothing measured")
        return
    device = torch.device(args.device)
    arch = parse_arch(Catalog(ROOT / "config").model("stylenat-ffhq-1024").arch)
    print(heading(device) + f", batch {args.batch}")
    picked = {str(dtype): list(pick(device, dtype)) for dtype in (torch.float32, torch.bfloat16)}
    print("# auto:", picked)
    results = {"picked": picked, "errors": attention_errors(arch, device, args.batch), "published": published()}
    print("# largest relative error (map, then gradients):", results["errors"], flush=True)
    results["attention"] = attention_rows(args, arch, device)
    results["generators"] = generator_rows(args, device) if args.generators else []
    write_record(args.out, "gpu", device, results)


if __name__ == "__main__":
    main()
