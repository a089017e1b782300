"""Milliseconds an image of every network at 256 px, all in one process, and their ratios to StyleNAT's.

Beside each network stands the same one in the order of operations of its official PyTorch implementation without CUDA
extensions, with the same weights: what runs on a CPU if one takes the authors' code. For natten's kernels, which the
official StyleNAT needs, the plain definition of neighborhood attention stands in. HiT's official code is TensorFlow.
"""

from collections.abc import Callable
from functools import partial

import official_order
import official_stylegan2
import official_stylegan_xl
import official_styleswin
import torch
from harness import heading, parser, seconds_in_turn, summary, write_record

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT, load_family
from stylenat.core.seeds import latents

OURS = "stylenat-ffhq-256"
NETWORKS: dict[str, Callable | None] = {
    OURS: official_order.forward,
    "styleswin-ffhq-256": official_styleswin.forward,
    "stylegan2-ffhq-256": official_stylegan2.forward,
    "hit-b-ffhq-256": None,
    "hit-l-ffhq-256": None,
    "stylegan-xl-ffhq-256": official_stylegan_xl.forward,
    "stylegan-xl-ffhq-256-scratch": official_stylegan_xl.forward,
}
# What fresh networks have at zero, and would leave parts of them without effect.
AT_REST = ("alpha", "bias", "noise_strength", "norm.weight", "affine.weight")


def build(name: str) -> torch.nn.Module:
    """A model's generator with weights that give every part something to do."""
    model = Catalog(ROOT / "config").model(name)
    torch.manual_seed(0)
    generator = load_family(model.family).build_generator(model.arch).eval().requires_grad_(False)
    for key, parameter in generator.named_parameters():
        if key.endswith(AT_REST) or ".rpb" in key or "bias_table" in key:
            parameter.add_(0.3 * torch.randn_like(parameter))
    return generator


def compared(ours: Callable, official: Callable, rounds: int) -> dict[str, object]:
    """Both in turn, each after an untimed run: times, their ratio, and how far the images differ."""
    image, expected = ours(), official()
    seconds = seconds_in_turn({"ours": ours, "official": official}, rounds, warm_up=False)
    rows = summary(seconds, "ours")
    error = float((image - expected).abs().max() / expected.abs().max())
    return {"ours": rows["ours"], "official": rows["official"], "error": error}


def main() -> None:
    """Print the table of each batch size, and write the record."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--official-rounds", type=int, default=3)
    arguments.add_argument("--official-batches", type=int, nargs="*", default=[1], help="the official orders are slow")
    arguments.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    args = arguments.parse_args()
    torch.set_grad_enabled(False)
    device = torch.device("cpu")
    generators = {name: build(name) for name in NETWORKS}
    print(heading(device) + ", 256 px, float32")
    results = {}
    for batch in args.batches:
        sides = {name: partial(g, latents(0, range(batch), g.spec.z_dim)) for name, g in generators.items()}
        rows = summary(seconds_in_turn(sides, args.rounds), OURS)
        results[f"batch {batch}"] = {"networks": rows, "official order": {}}
        head = f"{'network':<30} {'ms/image':>9} {'over StyleNAT':>14} {'official order':>15} {'ratio':>6}  error"
        print(f"# batch {batch}: {head}")
        for name, official in NETWORKS.items():
            told = f"{rows[name]['median_ms'] / batch:>9.0f} {rows[name]['over_ours']:>14.2f}"
            if official is not None and batch in args.official_batches:
                z_BZ = latents(0, range(batch), generators[name].spec.z_dim)
                found = compared(sides[name], partial(official, generators[name], z_BZ), args.official_rounds)
                results[f"batch {batch}"]["official order"][name] = found
                row = found["official"]
                told += f" {row['median_ms'] / batch:>15.0f} {row['over_ours']:>6.2f}  {found['error']:.0e}"
            print(f"{name:<40} {told}", flush=True)
    write_record(args.out, "networks-256", device, results)


if __name__ == "__main__":
    main()
