"""The projected discriminator: counts to the integer, what is frozen, where weights come from, its augmentation."""

import hashlib
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.stylegan_xl import FAMILY
from baselines.stylegan_xl import augment as augmentation
from baselines.stylegan_xl.config import WeightFile
from baselines.stylegan_xl.features import load_weights
from baselines.stylegan_xl.projections import RandomProjection
from stylenat.core.errors import InputError
from stylenat.objectives import augment

OFFICIAL = {"resolution": 256, "up_factors": [2, 2, 2, 2]}
SMALL = {"resolution": 16, "channel_max": 8, "deit": "tiny", "feature_px": 128, "features": {"random_seed": 0}}
HEADS = [2_829_120, 2_763_392, 2_631_936, 2_106_880]


def count(parameters):
    return sum(parameter.numel() for parameter in parameters)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return FAMILY.build_discriminator(SMALL)


def test_parameter_counts_are_the_official_ones():
    with torch.device("meta"):
        discriminator = FAMILY.build_discriminator(OFFICIAL)
    assert count(p for p in discriminator.parameters() if p.requires_grad) == 20_662_656
    assert count(p for p in discriminator.parameters() if not p.requires_grad) == 98_085_392
    assert count(discriminator.features["deit"].parameters()) == 94_749_776
    assert count(discriminator.features["deit"].network.network.parameters()) == 87_338_192
    assert count(discriminator.features["lite0"].parameters()) == 3_335_616
    assert count(discriminator.features["lite0"].network.parameters()) == 2_958_848
    for name in ("deit", "lite0"):
        assert [count(head.parameters()) for head in discriminator.heads[name].heads] == HEADS


def test_the_heads_can_be_made_small(small):
    with torch.device("meta"):
        capped = FAMILY.build_discriminator({**SMALL, "head_max_channels": 32})
    assert capped.heads["deit"].heads[0].layers[-1].in_channels == 32
    assert count(capped.heads.parameters()) < 0.1 * count(small.heads.parameters())
    assert count(capped.features.parameters()) == count(small.features.parameters())


def test_logits_of_an_image_of_256_px():
    with torch.device("meta"):
        discriminator = FAMILY.build_discriminator(OFFICIAL)
    discriminator.to("meta").eval()  # constants are made on the CPU
    image = torch.empty(2, 3, 256, 256, device="meta")
    assert [tuple(x.shape) for x in discriminator.logits(image)] == [(2, 64), (2, 100)]
    assert discriminator(image).shape == (2, 164)
    maps = discriminator.features["deit"](image)
    assert [tuple(x.shape[1:]) for x in maps] == [(64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14)]


def test_only_heads_learn_and_gradients_reach_the_image(small):
    frozen_state = {name: value.clone() for name, value in small.features.state_dict().items()}
    small.train()
    assert not any(module.training for frozen in small.features.values() for module in frozen.modules())
    assert all(module.training for module in small.heads.modules())
    image = torch.randn(2, 3, 16, 16, requires_grad=True)
    small(image).sum().backward()
    assert image.grad.abs().max() > 0
    for name, parameter in small.named_parameters():
        assert (parameter.grad is not None) == name.startswith("heads.")
    assert all(torch.equal(value, frozen_state[name]) for name, value in small.features.state_dict().items())
    small.zero_grad()


def test_images_are_normalised_for_each_network(small):
    seen = {}
    for name, frozen in small.features.items():
        hook = frozen.network.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
        with torch.no_grad():
            frozen(torch.full((1, 3, 160, 160), 0.5))
        hook.remove()
    assert seen["deit"].shape[-1] == 128
    assert seen["lite0"].shape[-1] == 160
    assert seen["lite0"][0, :, 0, 0].tolist() == pytest.approx([0.5] * 3)
    expected = [(0.75 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert seen["deit"][0, :, 5, 5].tolist() == pytest.approx(expected, rel=1e-5)


def test_each_network_sees_an_augmentation_of_its_own_in_training_alone(small):
    seen, image = [], torch.rand(2, 3, 128, 128)
    hooks = [
        frozen.register_forward_pre_hook(lambda _, args: seen.append(args[0])) for frozen in small.features.values()
    ]
    with torch.no_grad():
        small.eval().logits(image)
        small.train().logits(image)
    for hook in hooks:
        hook.remove()
    assert torch.equal(seen[0], image)
    assert torch.equal(seen[1], image)
    assert not torch.equal(seen[2], image)
    assert not torch.equal(seen[3], image)
    assert not torch.equal(seen[2], seen[3])


def test_the_taps_of_lite0_are_timms_own(small):
    network = small.features["lite0"].network
    whole = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4)).eval()
    (stem, *first), *others = network.stages
    whole.conv_stem, whole.bn1 = stem
    for index, block in enumerate([*first, *(block for stage in others for block in stage)]):
        whole.blocks[index] = block
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(network(image), whole(image), strict=True):
            torch.testing.assert_close(found, expected)


def test_the_taps_of_deit_are_timms_own(small):
    module = small.features["deit"].network
    image = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        tokens = module.network.forward_intermediates(image, indices=[2, 5, 8, 11], norm=False, intermediates_only=True)
        for found, x, project, resize in zip(module(image), tokens, module.project, module.resize, strict=True):
            torch.testing.assert_close(found, resize(project(x)), rtol=1e-4, atol=1e-5)


def test_the_pyramid_is_added_enlarged_and_projected_from_coarse_to_fine():
    torch.manual_seed(0)
    projection = RandomProjection((2, 3, 4, 5)).double()
    maps = [torch.randn(1, c, side, side).double() for c, side in ((2, 16), (3, 8), (4, 4), (5, 2))]
    found, above = projection(maps), None
    for level in (3, 2, 1, 0):
        x = projection.across_channels[level](maps[level])
        x = x if above is None else x + above
        x = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        above = projection.across_scales[level](x)
        torch.testing.assert_close(found[level], above)


def test_a_seed_alone_decides_the_frozen_networks():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = FAMILY.build_discriminator(SMALL)
    torch.manual_seed(2)
    second = FAMILY.build_discriminator(SMALL)
    pairs = zip(first.state_dict().items(), second.state_dict().values(), strict=True)
    same = {name: torch.equal(value, other) for (name, value), other in pairs}
    assert all(equal for name, equal in same.items() if name.startswith("features."))
    assert not all(equal for name, equal in same.items() if name.startswith("heads."))
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), before)


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["safetensors", "pth", "nested"])
def test_weights_are_read_from_a_named_file(kind, tmp_path):
    torch.manual_seed(3)
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    path = tmp_path / ("x.safetensors" if kind == "safetensors" else "x.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state} if kind == "nested" else state, path)
    other = timm.create_model("tf_efficientnet_lite0")
    digest = sha(path) if kind == "safetensors" else sha(path)[:8]
    load_weights(other, WeightFile(file=path, sha256=digest), "features.lite0")
    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())


def test_a_wrong_file_is_refused_in_one_line(tmp_path):
    network, path = torch.nn.Linear(2, 2), tmp_path / "x.pth"
    for content, says in (
        ({"weight": torch.zeros(2, 2)}, "keys differ \\(bias\\)"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, "keys differ \\(weight\\)"),
        ([1, 2], "found list, expected a mapping"),
        ({"weight": 1, "bias": 2}, "found dict, expected a mapping"),
    ):
        torch.save(content, path)
        with pytest.raises(InputError, match=says) as error:
            load_weights(network, WeightFile(file=path, sha256=sha(path)), "features.deit")
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"found sha256 .*, expected 0000"):
        load_weights(network, WeightFile(file=path, sha256="0" * 64), "features.deit")
    for name, content in (("y.pth", b"no pickle"), ("y.safetensors", b"nothing at all")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"features\.deit") as error:
            load_weights(network, WeightFile(file=path, sha256=sha(path)), "features.deit")
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="can't be read"):
        load_weights(network, WeightFile(file=tmp_path / "none", sha256="0" * 64), "features.deit")


def test_colours_come_before_zeros_and_the_square_is_small():
    torch.manual_seed(0)
    image = torch.rand(300, 3, 20, 20)
    chosen = augmentation.draw(image)
    still = replace(chosen, shift_B2=torch.zeros_like(chosen.shift_B2))
    cut = augment.apply(torch.ones(300, 3, 20, 20), still, ("cutout",))
    areas = (cut[:, 0] == 0).sum(dim=(1, 2))
    assert areas.max() == 4 * 4  # a fifth of 20
    assert areas.min() < 16
    found = augment.apply(image, chosen, augmentation.ORDER)
    coloured = augment.apply(image, chosen, ("brightness", "saturation", "contrast"))
    torch.testing.assert_close(found, augment.apply(coloured, chosen, ("shift", "cutout")))
    assert not chosen.mirror_B.any()


def test_the_augmentation_stays_in_its_bounds_and_differs_by_image():
    torch.manual_seed(0)
    image = torch.full((400, 3, 20, 20), 5.0)
    found = augmentation.diff_augment(image)
    zeros = (found == 0).all(dim=1)
    shifted_rows = zeros.all(dim=2).sum(dim=1)
    assert shifted_rows.max() == 3  # an eighth of 20, rounded
    assert len(found.flatten(1).amax(dim=1).unique()) > 300
    level = found.flatten(1).amax(dim=1)
    assert level.min() >= 4.5
    assert level.max() < 5.5
