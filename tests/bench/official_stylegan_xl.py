"""StyleGAN-XL's forward pass in the order of operations of the official implementation without its CUDA kernels.

Same weights, same numbers: weights are modulated for each sample and convolved in groups, zeros are inserted and
multiplied, filters run as two depthwise convolutions over the whole fine map, and only then is it decimated. What the
project's generator is compared with; run as a script, it times both in turn. Shape suffixes as in
`baselines.stylegan_xl.synthesis`.
"""

import torch
import torch.nn.functional as F
from harness import heading, parser, seconds_in_turn, summary, write_record

from baselines.stylegan_xl import FAMILY
from baselines.stylegan_xl.table import layers
from stylenat.core.seeds import latents

INFERRED = {"stem_resolution": 64, "up_factors": [4], "stem_layers": 10, "head_layers": 7}
ARCHES = {
    "readme-256": {"resolution": 256, "up_factors": [2, 2, 2, 2]},
    "67.93M-256": {"resolution": 256, "channel_base": 8192, "channel_max": 512, **INFERRED},
}


def forward(generator, z_BZ):
    """Latents (B, Z) to images (B, 3, H, W)."""
    w_BW, synthesis = generator.mapping(z_BZ), generator.synthesis
    x = input_forward(synthesis.input, w_BW)
    for layer in layers(generator.arch):
        x = layer_forward(synthesis.get_submodule(layer.name), layer, x, w_BW)
    return x * 0.25


def input_forward(module, w_BW):
    """The Fourier features by an affine grid of each sample."""
    size, rate = module.point.size, module.point.rate
    t = module.affine(w_BW)
    t = t / t[:, :2].norm(dim=1, keepdim=True)
    turn = torch.eye(3, dtype=t.dtype).repeat(len(t), 1, 1)
    turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1] = t[:, 0], -t[:, 1], t[:, 1], t[:, 0]
    move = torch.eye(3, dtype=t.dtype).repeat(len(t), 1, 1)
    move[:, 0, 2], move[:, 1, 2] = -t[:, 2], -t[:, 3]
    transform = turn @ move
    phases = module.phases + (module.freqs @ transform[:, :2, 2:]).squeeze(2)
    freqs = module.freqs @ transform[:, :2, :2]
    amplitude = (1 - (freqs.norm(dim=2) - module.point.cutoff) / (rate / 2 - module.point.cutoff)).clamp(0, 1)
    theta = torch.eye(2, 3, dtype=t.dtype) * (0.5 * size / rate)
    grid = F.affine_grid(theta[None], [1, 1, size, size], align_corners=False)
    x = (grid.unsqueeze(3) @ freqs.permute(0, 2, 1)[:, None, None]).squeeze(3) + phases[:, None, None]
    x = torch.sin(x * (torch.pi * 2)) * amplitude[:, None, None]
    return (x @ (module.weight / module.weight.shape[0] ** 0.5).t()).permute(0, 3, 1, 2).contiguous()


def layer_forward(module, layer, x, w_BW):
    """Modulated convolution, then bias, upsampling, activation and downsampling one after another."""
    style, gain = module.affine(w_BW), module.magnitude_ema.rsqrt()
    if layer.rgb:
        x = modulated_conv(x, module.weight, style / x.shape[1] ** 0.5, gain, demodulate=False)
        return (x + module.bias[None, :, None, None]).clamp(-256, 256)
    x = modulated_conv(x, module.weight, style, gain, demodulate=True) + module.bias[None, :, None, None]
    up, down = layer.internal_rate // layer.source.rate, layer.internal_rate // layer.target.rate
    total = (layer.target.size - 1) * down + 1 - x.shape[2] * up + 6 * up + 6 * down - 2
    low = (total + up) // 2
    x = upfirdn(x, module.up_filter, up, 1, (low, total - low), up)
    x = (F.leaky_relu(x, 0.2) * 2**0.5).clamp(-256, 256)
    return upfirdn(x, module.down_filter, 1, down, (0, 0), 1)


def modulated_conv(x, weight, style, gain, demodulate):
    """Weights of each sample, one group a sample."""
    batch, (outs, ins, kernel, _) = len(x), weight.shape
    if demodulate:
        weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
        style = style * style.square().mean().rsqrt()
    w = weight.unsqueeze(0) * style[:, None, :, None, None]
    if demodulate:
        w = w * (w.square().sum(dim=[2, 3, 4]) + 1e-8).rsqrt()[:, :, None, None, None]
    w = (w * gain).reshape(-1, ins, kernel, kernel)
    x = F.conv2d(x.reshape(1, -1, *x.shape[2:]), w, padding=kernel - 1, groups=batch)
    return x.reshape(batch, outs, *x.shape[2:])


def upfirdn(x, taps, up, down, padding, gain):
    """Zeros inserted, padded or cropped, filtered along rows and columns, decimated."""
    batch, channels, height, width = x.shape
    if up > 1:
        x = F.pad(x.reshape(batch, channels, height, 1, width, 1), [0, up - 1, 0, 0, 0, up - 1])
        x = x.reshape(batch, channels, height * up, width * up)
    x = F.pad(x, [padding[0], padding[1], padding[0], padding[1]])  # negative values crop
    taps = (taps * gain).to(x.dtype).flip(0)[None, None, None].repeat(channels, 1, 1, 1)
    x = F.conv2d(x, taps, groups=channels)
    x = F.conv2d(x, taps.transpose(2, 3), groups=channels)
    return x[:, :, ::down, ::down]


def build(arch):
    """A generator with weights that give every part something to do."""
    torch.manual_seed(0)
    generator = FAMILY.build_generator(arch).eval().requires_grad_(False)
    for key, parameter in generator.named_parameters():
        if key.endswith(("bias", "affine.weight")):
            parameter.add_(0.3 * torch.randn_like(parameter))
    return generator


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    arguments.add_argument("--archs", nargs="+", default=list(ARCHES), choices=ARCHES)
    args = arguments.parse_args()
    torch.set_grad_enabled(False)
    device, results = torch.device("cpu"), {}
    print(heading(device))
    for name in args.archs:
        generator = build(ARCHES[name])
        for batch in args.batches:
            z_BZ = latents(0, range(batch), generator.spec.z_dim)
            expected, found = forward(generator, z_BZ), generator(z_BZ)
            error = float((found - expected).abs().max() / expected.abs().max())
            sides = {"official": lambda: forward(generator, z_BZ), "ours": lambda: generator(z_BZ)}  # noqa: B023
            rows = summary(seconds_in_turn(sides, args.rounds), "ours")
            results[f"{name}, batch {batch}"] = {"sides": rows, "error": error}
            low, high = rows["official"]["over_ours_spread"]
            print(f"{name:<11} batch {batch}  official {rows['official']['median_ms']:>7.0f} ms  ours"
                  f" {rows['ours']['median_ms']:>6.0f} ms  ratio {rows['official']['over_ours']:5.2f}"
                  f" ({low:.2f} to {high:.2f})  error {error:.1e}", flush=True)  # fmt: skip
    write_record(args.out, "stylegan-xl-256", device, results)


if __name__ == "__main__":
    main()
