"""Every network against the official one on golden weights, in any batch, however memory lies, and compiled."""

from functools import lru_cache

import pytest
import torch
from support import golden, golden_hit, golden_stylegan

from baselines.styleswin.checkpoint import own_name
from stylenat.core.registry import load_family

NAT = {"resolution": 32, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
# Case: family, architecture, and the largest error, in parts of the largest value. On StyleNAT's and StyleSwin's
# weights float32 is about 1e-5 off float64, in the official networks as well.
GENERATORS = {
    "stylenat-32-hydra": ("stylenat.network", NAT, 5e-5),
    "styleswin-64-cm2": ("baselines.styleswin", {"resolution": 64}, 5e-5),
    "stylegan2_g-64": ("baselines.stylegan2", {"resolution": 64}, 1e-5),
    "stylegan_xl_g-16-stem": ("baselines.stylegan_xl", {"resolution": 16}, 1e-5),
    "hit_g-128": ("baselines.hit", golden_hit.ARCH_128, 1e-5),
}
DISCRIMINATORS = {
    "styleswin_d-32-cm2": ("stylenat.network", NAT, 1e-5),
    "stylegan2_d-64": ("baselines.stylegan2", {"resolution": 64}, 1e-5),
    "hit_d-128-cm1": ("baselines.hit", golden_hit.ARCH_128, 1e-5),
}


def state_of(name, spec):
    if name.startswith("hit"):
        return golden_hit.state(spec)
    if name.startswith("stylegan"):
        return golden_stylegan.state(spec)
    if name in DISCRIMINATORS:
        return golden.discriminator_state(spec)
    return {own_name(key): value for key, value in golden.generator_state(spec["params"]).items()}


@lru_cache(maxsize=1)
def case(name):
    """The network, its input, the official output, and the tolerance."""
    spec, arrays = golden.load(name)
    family, arch, tolerance = {**GENERATORS, **DISCRIMINATORS}[name]
    kind = "generator" if name in GENERATORS else "discriminator"
    network = getattr(load_family(family), f"build_{kind}")(arch).eval()
    network.load_state_dict(state_of(name, spec), strict=True)
    if kind == "discriminator":
        return network, golden.images(4, arch["resolution"]), torch.from_numpy(arrays["logits"]), tolerance
    image = torch.from_numpy(arrays["image"])
    image = image.permute(0, 3, 1, 2) if name.startswith("hit") else image
    return network, torch.from_numpy(arrays["z"]), image, tolerance


def error(found, expected):
    """Largest difference of the first so many outputs, over the largest value of all."""
    assert found.shape[1:] == expected.shape[1:]
    assert found.dtype == torch.float32
    return float((found.detach() - expected[: len(found)]).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", [*GENERATORS, *DISCRIMINATORS])
class TestGolden:
    @pytest.mark.parametrize("gradients", [False, True], ids=["sampling", "training"])
    def test_the_output_is_the_official_one(self, name, gradients):
        network, x, expected, tolerance = case(name)
        with torch.set_grad_enabled(gradients):
            assert error(network(x), expected) < tolerance

    @torch.inference_mode()
    def test_input_with_gaps_in_memory_is_the_same_input(self, name):
        network, x, expected, tolerance = case(name)
        turned = x.transpose(-1, -2).contiguous().transpose(-1, -2)
        spread = torch.zeros(*x.shape[:-1], 2 * x.shape[-1])
        spread[..., ::2] = x
        for other in (turned, spread[..., ::2]):
            assert not other.is_contiguous()
            assert error(network(other), expected) < tolerance

    @torch.inference_mode()
    def test_an_output_does_not_depend_on_the_size_of_the_batch(self, name):
        network, x, expected, tolerance = case(name)
        if name in DISCRIMINATORS and not name.startswith("hit"):
            _, arrays = golden.load(name)  # these logits depend on the batch, by the deviation within it
            batch, expected = golden.images(8, x.shape[-1]), torch.from_numpy(arrays["logits_batch8"])
            assert error(network(batch), expected) < tolerance
        else:
            more = torch.randn(1, *x.shape[1:], generator=torch.Generator().manual_seed(0))
            assert error(network(torch.cat([x[:2], more]))[:2], expected) < tolerance

    @pytest.mark.long
    @torch.inference_mode()
    def test_compiled_it_gives_the_same(self, name):
        network, x, expected, tolerance = case(name)
        torch.compiler.reset()
        assert error(torch.compile(network)(x), expected) < tolerance
