"""The StyleNAT-256 generator at batch 1, sides in turn, and its time over that of its bare matrix products.

`plain`: official order of operations with the attention's plain definition (see `official_order`). `trained`: the
project's modules as they run with gradients, here without. `sampled`: as they run where no gradient is taken.
`products`: the matrix products of the linear layers alone, by torch.mm on matrices of the same shapes.
"""

import subprocess
import sys
from contextlib import contextmanager

import torch
from harness import heading, memory_bytes, parser, seconds_in_turn, summary, write_record
from official_order import forward as official_forward

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT, load_family
from stylenat.core.seeds import latents
from stylenat.nn.skeleton import inference

OURS = "sampled"


def build(name):
    """A model's generator with weights that give every part something to do."""
    model = Catalog(ROOT / "config").model(name)
    torch.manual_seed(0)
    generator = load_family(model.family).build_generator(model.arch).eval().requires_grad_(False)
    for key, parameter in generator.named_parameters():
        if ".rpb" in key or key.endswith(("alpha", "norm.weight", "bias")):
            parameter.add_(0.3 * torch.randn_like(parameter))
    return generator


def product_shapes(generator):
    """(T, C, O) of every linear layer that runs on tokens, in the order of the calls."""
    shapes = []
    for level in generator.layers:
        for block in level.blocks:
            layers = (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2)
            shapes += [(block.side**2, layer.in_features, layer.out_features) for layer in layers]
        if level.upsample is not None:
            layer = level.upsample.reduction
            shapes.append((4 * level.upsample.side**2, layer.in_features, layer.out_features))
    return shapes


def products(generator):
    """A function that runs torch.mm on each shape."""
    shapes = product_shapes(generator)
    operands = {shape: (torch.randn(shape[0], shape[1]), torch.randn(shape[1], shape[2])) for shape in set(shapes)}

    def run():
        for shape in shapes:
            torch.mm(*operands[shape])

    return run


@contextmanager
def without_fast_path():
    """The blocks run as they do with gradients."""
    path_for, inference.path_for = inference.path_for, lambda _: None
    try:
        yield
    finally:
        inference.path_for = path_for


def trained(generator, z_BZ):
    """One image by the path of training."""
    with without_fast_path():
        return generator(z_BZ)


def memory(name, batch):
    """Peak MB of a process that builds a generator and samples, and that of one that only builds it."""
    found = {}
    for what, count in (("built", 0), ("sampled", batch)):
        command = [sys.executable, __file__, "--model", name, "--memory-of", str(count)]
        found[what] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"# {name}: process peak {found['sampled']:.0f} MB at batch {batch}, {found['built']:.0f} MB before sampling")
    return {"model": name, "batch": batch, "peak_mb": found["sampled"], "before_mb": found["built"]}


def errors(generator, z_BZ):
    """Largest difference of an image, over its largest value, of each other path and precision from the plain one."""
    expected = official_forward(generator, z_BZ)
    found = {"sampled": generator(z_BZ), "trained": trained(generator, z_BZ)}
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype):
            found[f"autocast {str(dtype).removeprefix('torch.')}"] = generator(z_BZ)
    return {name: float((image - expected).abs().max() / expected.abs().max()) for name, image in found.items()}


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--model", default="stylenat-ffhq-256")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--memory-of", type=int, help="sample so many images, print the process's peak MB and end")
    args = arguments.parse_args()
    torch.set_grad_enabled(False)
    generator = build(args.model)
    if args.memory_of is not None:
        if args.memory_of:
            generator(latents(0, range(args.memory_of), generator.spec.z_dim))
        print(memory_bytes("VmHWM") / 1e6)
        return
    device, z_BZ = torch.device("cpu"), latents(0, range(1), generator.spec.z_dim)
    print(heading(device) + f", {args.model}, batch 1, float32")
    sides = {
        "plain": lambda: official_forward(generator, z_BZ),
        "trained": lambda: trained(generator, z_BZ),
        OURS: lambda: generator(z_BZ),
        "products": products(generator),
    }
    rows = summary(seconds_in_turn(sides, args.rounds), OURS)
    for name, row in rows.items():
        low, high = row["over_ours_spread"]
        print(f"{name:<9} {row['median_ms']:>8.0f} ms  least {row['least_ms']:>6.0f} ms"
              f"  {row['over_ours']:5.2f} times ours ({low:.2f} to {high:.2f})", flush=True)  # fmt: skip
    print(f"# ours over its bare matrix products: {1 / rows['products']['over_ours']:.2f}")
    found = errors(generator, z_BZ)
    print("# largest difference from the plain image, relative:", {k: f"{v:.1e}" for k, v in found.items()})
    memories = [memory(name, batch) for name, batch in (("stylenat-ffhq-256", 1), ("stylenat-ffhq-1024", 1))]
    write_record(args.out, "generator-256", device, {"sides": rows, "errors": found, "memory": memories})


if __name__ == "__main__":
    main()
