"""StyleNAT's networks against the official ones: counts to the integer, images and logits under golden weights."""

import pytest
import torch
from support import golden

from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT
from stylenat.network import FAMILY
from stylenat.network.config import parse_arch

ARCH_32 = {"resolution": 32, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
ARCH_64 = {"resolution": 64, "kernel_sizes": [3, 7, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4], [1, 8]]}
SMALL = {**ARCH_32, "max_channels": 32}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def arch_of(name):
    return Catalog(ROOT / "config").model(name).arch


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [("stylenat-ffhq-256", 48_921_000, 26_211_585), ("stylenat-ffhq-1024", 49_452_934, 27_736_641)],
)
def test_parameter_counts_are_the_official_ones(name, generator, discriminator):
    with torch.device("meta"):
        assert count(FAMILY.build_generator(arch_of(name))) == generator
        assert count(FAMILY.build_discriminator(arch_of(name))) == discriminator


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"channel_multiplier": 1}, 40_854_926), ({"min_heads": 8}, None), ({"dilations": [[1]] * 9}, None)],
)
def test_what_the_published_count_at_1024_proves(change, expected):
    """Channel multiplier and head count move the number; the dilations, without parameters, do not."""
    with torch.device("meta"):
        found = count(FAMILY.build_generator({**arch_of("stylenat-ffhq-1024"), **change}))
    if expected is not None:
        assert found == expected
    elif "min_heads" in change:
        assert round(found / 1e6, 2) == 49.46
    else:
        assert found == 49_452_934


def test_parts_at_256():
    with torch.device("meta"):
        generator = FAMILY.build_generator(arch_of("stylenat-ffhq-256"))
        discriminator = FAMILY.build_discriminator(arch_of("stylenat-ffhq-256"))
    assert {name: count(child) for name, child in generator.named_children()} == {
        "style": 2_101_248,
        "input": 8_192,
        "layers": 46_803_838,
        "to_rgbs": 7_722,
    }
    found = {name: count(child) for name, child in discriminator.named_children() if count(child)}
    assert found == {"from_rgbs": 34_944, "convs": 19_616_384, "final_conv": 2_364_416, "final_linear": 4_195_841}


def test_golden_image_at_64_through_the_legacy_checkpoint(tmp_path):
    spec, arrays = golden.load("stylenat-64-legacy")
    torch.save({"g_ema": golden.generator_state(spec["params"])}, tmp_path / "legacy.pt")
    generator = FAMILY.build_generator(ARCH_64).eval()
    generator.load_state_dict(FAMILY.import_checkpoint(tmp_path / "legacy.pt", ARCH_64))
    compare(generator, arrays)


@torch.inference_mode()
def compare(generator, arrays):
    image = generator(golden.latents(2, 512))
    expected = torch.tensor(arrays["image"])
    assert image.shape == expected.shape
    # Both are float32; compared with float64, each is about 1e-5 off on these weights.
    assert (image - expected).abs().max() < 5e-5 * expected.abs().max()
    torch.testing.assert_close(image.flatten(1).std(dim=1), torch.tensor(arrays["std"]), rtol=1e-4, atol=0)


def test_an_untrained_image_is_nearly_grey():
    torch.manual_seed(0)
    with torch.inference_mode():
        assert FAMILY.build_generator(SMALL)(torch.randn(2, 512)).abs().max() < 0.5


def test_partitions_that_do_not_divide_the_heads_run():
    arch = {**SMALL, "dilations": [[1], [1], [1, 2, 2], [1, 2, 4]], "kernel_sizes": [3, 7, [7, 5, 3], 7]}
    with torch.inference_mode():
        assert FAMILY.build_generator(arch)(torch.randn(1, 512)).shape == (1, 3, 32, 32)


def test_the_discriminator_freezes_nothing_and_moves_its_vectors_only_in_training():
    discriminator = FAMILY.build_discriminator(SMALL)
    before = discriminator.final_linear[0].weight_u.clone()
    discriminator.eval()(torch.randn(4, 3, 32, 32))
    assert torch.equal(discriminator.final_linear[0].weight_u, before)
    discriminator.train()(torch.randn(4, 3, 32, 32))
    assert not torch.equal(discriminator.final_linear[0].weight_u, before)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resolution": 48}, "resolution is 48, expected a power of two"),
        ({"dilations": [[1], [1], [1, 2]]}, "dilations has 3 levels, expected 4 for 32 px"),
        ({"dilations": [[1], [1], [1, 2], [1, 8]]}, "32 px: kernel 7 with dilation 8"),
        ({"kernel_sizes": [3, 6, 7, 7]}, "8 px: kernel 6"),
        ({"kernel_sizes": [3, 7, [7, 7, 7], 7]}, "16 px: found 3 kernel sizes for 2 dilations"),
        ({"min_head": 4}, "unknown key 'min_head'; did you mean 'min_heads'"),
        ({"dilations": [[1], [1], [1] * 5, [1, 2]], "max_channels": 32}, "16 px: found 5 partitions for 4 heads"),
    ],
)
def test_an_architecture_that_can_not_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        parse_arch({**ARCH_32, **change})
