"""StyleGAN2's networks against the official ones: counts to the integer, images and logits under golden weights."""

import pytest
import torch
from support import golden, golden_stylegan

from baselines.stylegan2 import FAMILY
from baselines.stylegan2.checkpoint import RULES
from baselines.stylegan2.config import parse_arch
from stylenat.core.errors import InputError

PAPER_256 = {"resolution": 256, "channel_base": 16384}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def generator():
    made = FAMILY.build_generator({"resolution": 64}).eval()
    made.load_state_dict(golden_stylegan.state(golden.load("stylegan2_g-64")[0]))
    return made


@pytest.fixture(scope="module")
def discriminator():
    made = FAMILY.build_discriminator({"resolution": 64}).eval()
    made.load_state_dict(golden_stylegan.state(golden.load("stylegan2_d-64")[0]))
    return made


def error(found, expected):
    expected = torch.as_tensor(expected)
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


def test_parts_at_256():
    with torch.device("meta"):
        made = FAMILY.build_generator({"resolution": 256})
    assert count(made.mapping) == 2_101_248
    assert made.num_ws == 14
    found = [count(made.synthesis.get_submodule(f"b{side}")) for side in made.synthesis.sides]
    assert found == [2_894_852, *[5_509_125] * 4, 2_296_069, 705_669]


@torch.inference_mode()
def test_golden_image_truncated_and_without_noise(generator):
    _, arrays = golden.load("stylegan2_g-64")
    z = golden.latents(2, 512)
    assert error(generator.truncated(z, 0.5)[..., ::2, ::2], arrays["image_psi0.5"]) < 1e-5
    assert error(generator.truncated(z, 1, "none")[..., ::2, ::2], arrays["image_noise_none"]) < 1e-5


@torch.inference_mode()
def test_an_image_is_a_function_of_its_row_however_that_lies_in_memory(generator):
    _, arrays = golden.load("stylegan2_g-64")
    z = torch.cat([golden.latents(2, 512), 3 * golden.latents(1, 512, seed=8)])
    assert error(generator(z)[:2], arrays["image"]) < 1e-5
    strided = z.t().contiguous().t()
    assert not strided.is_contiguous()
    assert error(generator(strided)[:2], arrays["image"]) < 1e-5
    assert error(generator(z[1:2]), arrays["image"][1:]) < 1e-5


def test_the_group_size_decides_which_images_share_a_deviation():
    arch = {"resolution": 8, "channel_max": 8, "mbstd_group_size": 2}
    torch.manual_seed(0)
    made, images = FAMILY.build_discriminator(arch).eval(), torch.randn(4, 3, 8, 8)
    with torch.inference_mode():
        before = made(images)
        images[0] *= 5
        moved = (made(images) - before).abs().flatten() > 1e-6
    assert moved.tolist() == [True, False, True, False]  # images i and i + 2 are a group
    with pytest.raises(InputError, match="got 3 images, expected a multiple of 2"):
        made(images[:3])


def test_official_buffers_that_are_computed_are_the_filters_alone():
    (rule,) = RULES
    for case in ("stylegan2_g-64", "stylegan2_d-64"):
        spec, arrays = golden.load(case)
        computed = {key: match for key in spec["buffers"] if (match := rule.pattern.fullmatch(key))}
        assert set(computed) == set(spec["buffers"]) - set(spec["seeded_buffers"])
        for key, match in computed.items():
            assert torch.equal(rule.expected(match), torch.tensor(arrays[f"buffer:{key}"]))
    assert not rule.pattern.fullmatch("synthesis.b4.conv1.weight")


@pytest.mark.parametrize("value", [256.0, 0.5, None])
def test_the_bound_cuts_every_convolution(value):
    arch = {"resolution": 8, "channel_max": 8, "z_dim": 8, "w_dim": 8, "mapping_layers": 1, "conv_clamp": value}
    torch.manual_seed(0)
    generator, discriminator = FAMILY.build_generator(arch).eval(), FAMILY.build_discriminator(arch).eval()
    seen = []
    layers = [m for net in (generator, discriminator) for m in net.modules() if hasattr(m, "clamp")]
    assert len(layers) == 5 + 5
    for layer in layers:
        layer.register_forward_hook(lambda _, __, out: seen.append(float(out.detach().abs().max())))
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            generator(10 * torch.randn(2, 8))
            discriminator(10 * torch.randn(2, 3, 8, 8))
    assert max(seen) == 0.5 if value == 0.5 else max(seen) > 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resolution": 48}, "resolution is 48, expected a power of two from 8 to 1024"),
        ({"resolution": 4}, "resolution is 4, expected a power of two"),
        ({"resolution": 2048}, "resolution is 2048, expected a power of two"),
        ({"channel_base": 32}, "channel_base is 32, expected 64 or more"),
        ({"channels_max": 8}, "unknown key 'channels_max'; did you mean 'channel_max'"),
        ({"conv_clamp": 0}, "conv_clamp"),
    ],
)
def test_an_architecture_that_can_not_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        parse_arch({"resolution": 64, **change})
