"""StyleGAN-XL's generator against the official one: counts to the integer, images under golden weights, stages."""

import copy

import pytest
import torch
from support import golden, golden_stylegan

from baselines.stylegan_xl import FAMILY
from baselines.stylegan_xl.config import parse_arch
from baselines.stylegan_xl.table import layers
from stylenat.core.errors import InputError

README_256 = {"resolution": 256, "up_factors": [2, 2, 2, 2]}
README_1024 = {"resolution": 1024, "up_factors": [2] * 6}
DEFAULT = {**README_256, "channel_base": 32768, "channel_max": 512, "stem_layers": 10, "head_layers": 7}
INFERRED = {**DEFAULT, "stem_resolution": 64, "up_factors": [4], "channel_base": 8192}
STEM = {"resolution": 16, "channel_max": 8, "w_dim": 16, "z_dim": 8}
STAGE = {**STEM, "resolution": 32, "up_factors": [2]}
TWO_STAGES = {**STEM, "resolution": 128, "up_factors": [2, 4], "head_layers": [4, 5]}


def count(parameters):
    return sum(parameter.numel() for parameter in parameters)


def varied(arch, seed=0):
    """A generator whose parameters differ from their initial values."""
    torch.manual_seed(seed)
    network = FAMILY.build_generator(arch)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("bias", "affine.weight")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize(
    ("arch", "expected", "constants"),
    [(README_256, 34_015_675, 2_481), (README_1024, 34_856_288, 2_605), (DEFAULT, 233_322_598, 4_392)],
    ids=["readme-256", "readme-1024", "default-256"],
)
def test_parameter_counts_are_the_official_ones(arch, expected, constants):
    with torch.device("meta"):
        generator = FAMILY.build_generator(arch)
    assert count(generator.parameters()) == expected
    assert count(generator.mapping.parameters()) == 615_936
    # The official buffers, less a transform of 3 x 3 that is the identity.
    assert count(b for name, b in generator.named_buffers() if "grid" not in name) == constants - 9


def test_the_inferred_network_of_the_published_count():
    with torch.device("meta"):
        generator = FAMILY.build_generator(INFERRED)
    names = generator.synthesis.layer_names
    assert count(generator.parameters()) == 67_929_851
    assert generator.synthesis.num_ws == 17
    assert [names[0], names[5], names[7], names[8], names[-1]] == [
        "L0_36_1024",
        "L5_84_724",
        "L7_84_362",
        "L9_84_362",
        "L16_256_3",
    ]


def test_one_number_is_skipped_at_each_boundary():
    indices = [layer.index for layer in layers(parse_arch(TWO_STAGES))]
    assert indices == [0, 1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 13, 14]


@torch.inference_mode()
def test_golden_images_of_the_stem():
    spec, arrays = golden.load("stylegan_xl_g-16-stem")
    with torch.device("meta"):
        generator = FAMILY.build_generator({"resolution": 16})
    generator.to_empty(device="cpu").eval()
    generator.load_state_dict(golden_stylegan.state(spec))
    assert generator.synthesis.layer_names == spec["layer_names"]
    assert generator.synthesis.num_ws == spec["num_ws"]
    for name, psi in (("image", 1), ("image_psi0.5", 0.5)):
        expected = torch.tensor(arrays[name])
        found = generator(torch.tensor(arrays["z"]), truncation_psi=psi)
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    for name in (name for name in arrays if name.endswith("_filter")):
        torch.testing.assert_close(generator.get_buffer(name.removeprefix("buffer:")), torch.tensor(arrays[name]))


@pytest.mark.parametrize("arch", [STEM, TWO_STAGES], ids=["stem", "stages"])
def test_an_image_depends_on_its_own_latent_alone(arch):
    generator, z = varied(arch), torch.randn(3, 8)
    with torch.no_grad():
        whole = generator(z)
        torch.testing.assert_close(generator(z[1:2])[0], whole[1], rtol=1e-4, atol=1e-5)
        changed = generator(torch.stack([z[0], z[1], 5 * torch.randn(8)]))
    assert whole.shape == (3, 3, arch["resolution"], arch["resolution"])
    assert (whole[0] - whole[1]).abs().max() > 1e-3
    torch.testing.assert_close(changed[:2], whole[:2], rtol=1e-4, atol=1e-5)


def test_the_way_with_gradients_gives_the_same_image():
    generator, z = varied(TWO_STAGES), torch.randn(2, 8)
    learning = generator(z)
    assert learning.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(generator(z), learning.detach(), rtol=1e-4, atol=1e-5)
        strided = torch.stack([z, z], dim=2)[:, :, 0]
        torch.testing.assert_close(generator(strided), learning.detach(), rtol=1e-4, atol=1e-5)


def test_in_float64_the_batch_changes_nothing_but_epsilon():
    generator, z = varied(STEM).double(), torch.randn(2, 8).double()
    with torch.no_grad():
        w = generator.per_layer(generator.mapping(z))
        pair, single = generator.synthesis(w), generator.synthesis(w[:1])
    assert pair.dtype == torch.float64
    torch.testing.assert_close(pair[:1], single, rtol=1e-12, atol=1e-13)
    assert generator(z).dtype == torch.float32


def test_the_input_is_waves_that_fade_out_above_the_cutoff():
    module = varied(STEM).synthesis.input.double()
    assert module.freqs.norm(dim=1).max() <= 2  # the cutoff
    with torch.no_grad():
        module.affine.weight.zero_()
        module.affine.bias.copy_(
            torch.tensor([0.0, 3.0, 0.75, -0.375])
        )  # a quarter turn, and a move by a third of that
        module.weight.copy_(4 * torch.eye(16))
        module.freqs[:3] = torch.tensor([[1.0, 0.5], [3.0, 4.0], [9.0, 0.0]])
        found = module(torch.zeros(1, 16).double())[0]
    place = (torch.arange(36).double() - 17.5) / 16
    x, y = place[None, :] - 0.25, place[:, None] + 0.125
    for channel, gain in ((0, 1), (1, 1 - 3 / 6), (2, 0)):
        (fx, fy), phase = module.freqs[channel], module.phases[channel]
        wave = torch.sin(2 * torch.pi * (fy * x - fx * y + phase))
        torch.testing.assert_close(found[channel], gain * wave)


def test_a_style_of_zeros_is_finite():
    layer = varied(STEM).synthesis.L0_36_16
    with torch.no_grad():
        layer.affine.weight.zero_()
        layer.affine.bias.zero_()
        layer.bias.fill_(1)
    x, w = torch.randn(1, 16, 36, 36, requires_grad=True), torch.randn(1, 16, requires_grad=True)
    y = layer(x, w)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()
    assert w.grad.isfinite().all()


@pytest.mark.parametrize("arch", [STEM, STAGE], ids=["stem", "stage"])
def test_what_learns_has_a_gradient_and_nothing_else_learns(arch):
    generator = varied(arch).train()
    generator(torch.randn(2, 8)).square().sum().backward()
    learns = {name for name, parameter in generator.named_parameters() if parameter.requires_grad}
    assert learns == {name for name, parameter in generator.named_parameters() if parameter.grad is not None}
    assert "mapping.embed.weight" not in learns
    if arch is STEM:
        assert len(learns) == len(list(generator.parameters())) - 1
    else:
        kept = generator.synthesis.layer_names[:5]
        assert not any(f".{name}." in key or key.startswith("mapping") for name in kept for key in learns)
        assert {key.split(".")[1] for key in learns} == set(generator.synthesis.layer_names[5:])


def test_a_stage_takes_over_all_but_the_critical_layers():
    stem, stage = varied(STEM, seed=1), varied(STAGE, seed=2)
    with torch.no_grad():
        stem.mapping.w_avg.fill_(3)
        stem.synthesis.L2_36_16.magnitude_ema.fill_(2)
    own = stage.synthesis.L6_36_16.weight.clone()
    stage.load_initial(stem.state_dict())
    state = stem.state_dict()
    found = {name for name, value in stage.state_dict().items() if name in state and torch.equal(value, state[name])}
    critical = tuple(f"synthesis.{name}." for name in stem.synthesis.layer_names[-3:])
    assert found == {name for name in state if not name.startswith(critical)}
    assert torch.equal(stage.synthesis.L6_36_16.weight, own)


def test_an_initial_state_of_another_network_is_refused():
    stem, stage = varied(STEM), varied(STAGE)
    state = stem.state_dict()
    with pytest.raises(InputError, match=r"expected \(16, 16\) \(16 px network\)"):
        stage.load_initial({**state, "synthesis.input.weight": torch.zeros(3, 3)})
    missing = {name: value for name, value in state.items() if name != "mapping.fc0.weight"}
    with pytest.raises(InputError, match=r"mapping.fc0.weight: found nothing"):
        stage.load_initial(missing)
    with pytest.raises(InputError, match="found 1 unknown"):
        stage.load_initial({**state, "other": torch.zeros(1)})
    with pytest.raises(InputError, match="found an initial state for a stem"):
        stem.load_initial(state)


def test_a_network_emptied_and_loaded_and_a_copy_are_the_same():
    generator, z = varied(STAGE), torch.randn(2, 8)
    with torch.device("meta"):
        other = FAMILY.build_generator(STAGE)
    other.to_empty(device="cpu").eval()
    for buffer in other.buffers():
        buffer.fill_(float("nan"))
    other.load_state_dict(generator.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(other(z), generator(z))
        copied = copy.deepcopy(generator)
        assert torch.equal(copied(z), generator(z))
    assert [p.requires_grad for p in copied.parameters()] == [p.requires_grad for p in generator.parameters()]


@pytest.mark.long
def test_a_compiled_generator_gives_the_same_image():
    generator, z = varied(STAGE), torch.randn(2, 8)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(generator)(z), generator(z), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resolution": 48}, r"resolution is 48, expected 32 \(stem_resolution times up_factors\)"),
        ({"up_factors": [3]}, "up_factors"),
        ({"stem_resolution": 24, "resolution": 48}, "stem_resolution is 24, expected a power of two from 16"),
        ({"head_layers": [4, 4]}, "head_layers has 2 stages, up_factors 1"),
        ({"head_layers": 2}, "head_layers"),
        ({"feature_px": 64}, "feature_px is 64, expected a multiple of 32 from 128"),
        ({"features": {"random_seed": 0, "deit": {"file": "x", "sha256": "0" * 64}}}, "found 1 files"),
        ({"features": {}}, "found 0 files and no random_seed"),
        ({"syn_layers": 7}, "unknown key 'syn_layers'"),
    ],
)
def test_an_architecture_that_can_not_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        parse_arch({**STAGE, **change})
