"""What the benchmarks compare each network with gives the same images, so that both sides do the same work."""

import pytest
import torch

from stylenat.core.registry import load_family

DEMO = {"resolution": 32, "max_channels": 32}
NAT = {**DEMO, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
XL = {"stem_resolution": 16, "channel_base": 1024, "channel_max": 16, "w_dim": 16}
CASES = {
    "official_order": ("stylenat.network", NAT),
    "official_styleswin": ("baselines.styleswin", DEMO),
    "official_stylegan2": ("baselines.stylegan2", {"resolution": 32, "channel_max": 32, "conv_clamp": 1}),
    "official_stylegan_xl": ("baselines.stylegan_xl", {**XL, "resolution": 64, "up_factors": [4]}),
}


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_the_official_order_of_operations_gives_the_same_images(name, monkeypatch, request):
    monkeypatch.syspath_prepend(request.config.rootpath / "tests/bench")
    official = __import__(name)
    family, arch = CASES[name]
    torch.manual_seed(0)
    generator = load_family(family).build_generator(arch).eval()
    for parameter in generator.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    z = torch.randn(3, generator.spec.z_dim)
    ours, theirs = generator(z), official.forward(generator, z)
    assert ours.std() > 1e-3
    assert (ours - theirs).abs().max() < 1e-4 * theirs.abs().max()
