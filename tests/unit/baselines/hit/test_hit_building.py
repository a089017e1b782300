"""HiT's networks at small size: built in unusual ways, their layers one by one, and what is refused."""

import copy
import math
import warnings

import pytest
import torch
from support import building
from torch import nn

from baselines.hit import FAMILY, inference
from baselines.hit.blocks import BatchNorm, axial, multi_query
from baselines.hit.generator import add_enlarged, from_patches, spread, to_patches
from stylenat.core.errors import InputError
from stylenat.metrics import flops

ARCH = {
    "resolution": 32,
    "channels": [32, 16, 8],
    "layers": [2, 1, 1],
    "heads": [4, 2, 2],
    "patches": [4, 8, 0],
    "rgb_stages": 2,
    "z_dim": 12,
    "max_channels": 32,
}
PARTS = ["generator", "discriminator"]


def fresh(part, **changes):
    arch = {**ARCH, **changes}
    return FAMILY.build_generator(arch) if part == "generator" else FAMILY.build_discriminator(arch)


def build(part, **changes):
    """A network whose parameters and statistics differ from their initial values, and an input for it."""
    torch.manual_seed(0)
    network = fresh(part, **changes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
    return network.eval(), torch.randn(4, 12) if part == "generator" else torch.randn(4, 3, 32, 32)


@pytest.mark.parametrize("part", PARTS)
def test_a_network_emptied_and_loaded_or_copied_is_the_same(part):
    network, x = build(part)
    building.check_emptied_and_loaded(network, lambda: fresh(part), x)
    building.check_copy(network, x)


@pytest.mark.parametrize("part", PARTS)
def test_every_parameter_learns_and_nothing_warns(part):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, x = build(part)
        (network.train()(x) + 0.1).pow(3).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    # Softmax ignores what is added to all scores alike: a key's bias counts only beside that of a query.
    assert all(p.grad.abs().max() > 0 for name, p in network.named_parameters() if not name.endswith("key_dense.bias"))


@pytest.mark.parametrize("part", PARTS)
def test_a_float64_network_computes_in_float64(part):
    network, x = build(part)
    exact = copy.deepcopy(network).double()
    dtypes = []
    last = exact.stages[-1].rgb if part == "generator" else exact.final
    last.register_forward_hook(lambda _, __, out: dtypes.append(out.dtype))
    with torch.no_grad():
        found = exact(x.double())
        assert dtypes == [torch.float64]
        assert found.dtype == (torch.float32 if part == "generator" else torch.float64)
        assert (network(x) - found).abs().max() < 1e-4 * found.abs().max()


@pytest.mark.parametrize("chunk_bytes", [1 << 10, 1 << 14, 1 << 30])
@torch.no_grad()
def test_the_way_without_gradients_gives_the_same_numbers(monkeypatch, chunk_bytes):
    """In float64, so that a difference is a fault; tokens and images are cut in several ways."""
    network, z = build("generator")
    network, z = network.double(), z.double()
    images = []
    network.stages[-1].rgb.register_forward_hook(lambda _, __, out: images.append(out.clone()))
    monkeypatch.setattr(inference, "CHUNK_BYTES", chunk_bytes)
    network(z)
    monkeypatch.setattr(inference, "serves", lambda _: False)
    network(z)
    torch.testing.assert_close(images[0], images[1], rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_a_call_in_eval_mode_changes_nothing():
    network, z = build("generator")
    state, given = copy.deepcopy(network.state_dict()), z.clone()
    assert torch.equal(network(z), network(z))
    assert torch.equal(z, given)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_operations_are_counted_on_the_meta_device():
    assert flops.compute(build("generator")[0]).details["device"] == "meta"


def test_fewer_channels_make_a_smaller_network_that_still_runs():
    network, z = build("generator", max_channels=8)
    assert max(p.shape[0] for name, p in network.named_parameters() if name.endswith("query_dense.weight")) == 8
    assert network(z).shape == (4, 3, 32, 32)
    discriminator, images = build("discriminator", max_channels=8)
    assert discriminator.stem.weight.shape == (8, 3, 3, 3)
    assert discriminator(images).shape == (4, 1)


def test_initial_values():
    torch.manual_seed(0)
    generator = fresh("generator", channels=[64, 16, 8], max_channels=64)
    weights = [p for name, p in generator.named_parameters() if p.ndim > 1]
    for values in weights:
        assert values.abs().max() <= 0.04
    # A normal cut at two deviations keeps 0.8796 of its deviation.
    assert torch.cat([p.flatten() for p in weights]).std().item() == pytest.approx(0.02 * 0.8796, rel=0.01)
    biases = [module.bias for module in generator.modules() if isinstance(module, nn.Linear)]
    assert not any(bias.any() for bias in biases)
    discriminator = fresh("discriminator")
    for layer, fan in ((discriminator.blocks[0].conv0, 2 * 9 * 32), (discriminator.final.fc0, 16 * 32 + 32)):
        limit = math.sqrt(6 / fan)
        assert 0.98 * limit < layer.weight.abs().max() <= limit
        assert not layer.bias.any()


def test_running_statistics_follow_the_batch_by_a_hundredth():
    norm, x = BatchNorm(3), torch.randn(2, 4, 5, 3) * 2 + 1
    y = norm(x)
    rows = x.reshape(-1, 3)
    torch.testing.assert_close(norm.running_mean, 0.01 * rows.mean(0))
    torch.testing.assert_close(norm.running_var, 0.99 + 0.01 * rows.var(0, correction=1))
    torch.testing.assert_close(y, (x - rows.mean(0)) / (rows.var(0, correction=0) + 1e-3).sqrt())
    scale, shift = norm.eval().affine()
    torch.testing.assert_close(norm(x), x * scale + shift)


def test_all_heads_share_one_key_and_one_value():
    q, k, v = torch.randn(2, 5, 12), torch.randn(2, 7, 4), torch.randn(2, 7, 4)
    found = multi_query(q, k, v).view(2, 5, 3, 4)
    for head in range(3):
        scores = q.view(2, 5, 3, 4)[:, :, head] @ k.transpose(1, 2) / 2
        torch.testing.assert_close(found[:, :, head], scores.softmax(-1) @ v)


def test_axial_attention_reaches_its_own_patch_and_its_own_place():
    """The first half of the heads depends on the values of the patch, the second on those at the same place."""
    q, k, v = torch.randn(1, 4, 9, 8), torch.randn(1, 4, 9, 2), torch.randn(1, 4, 9, 2)
    moved = v.clone()
    moved[0, 2, 5] += 1
    changed = (axial(q, k, v) - axial(q, k, moved)).abs().amax(dim=0)
    within, across = changed[..., :4].amax(-1) > 1e-4, changed[..., 4:].amax(-1) > 1e-4
    assert within[2].all()
    assert within.sum() == 9
    assert across[:, 5].all()
    assert across.sum() == 4


def test_patches_and_pixels_are_rearranged_row_by_row():
    x = torch.arange(64.0).view(1, 8, 8, 1)
    patches = to_patches(x, 4)
    assert patches.shape == (1, 4, 16, 1)
    torch.testing.assert_close(patches[0, 1].view(4, 4), x[0, :4, 4:, 0])
    assert torch.equal(from_patches(patches, 4), x)
    assert torch.equal(from_patches(to_patches(x, 0), 0), x)
    large = spread(torch.arange(16.0).view(1, 2, 2, 4, 1))[0, :, :, 0]
    assert large[:2, 2:].tolist() == [[4, 5], [6, 7]]
    small = torch.randn(1, 2, 2, 3)
    repeated = nn.functional.interpolate(small.permute(0, 3, 1, 2), scale_factor=2).permute(0, 2, 3, 1)
    torch.testing.assert_close(add_enlarged(torch.zeros(1, 4, 4, 3), small), repeated)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolution": 48}, "resolution is 48, expected a power of two from 8 to 1024"),
        ({"resolution": 2048}, "resolution is 2048"),
        ({"layers": [1, 1]}, "layers has 2 stages, expected 3 for 32 px"),
        ({"heads": [3, 2, 2]}, "8 px: found 32 channels for 3 heads"),
        ({"heads": [1, 2, 2]}, "8 px: found 1 heads, expected an even number"),
        ({"patches": [3, 8, 0]}, "8 px: found patches of 3 px, expected a divisor"),
        ({"channels": [32, 6, 8], "heads": [4, 2, 2]}, "16 px: found 6 channels, expected a multiple of 4"),
        ({"rgb_stages": 4}, "rgb_stages is 4, expected at most 3"),
        ({"max_chanels": 8}, "unknown key 'max_chanels'; did you mean 'max_channels'"),
    ],
)
def test_architectures_that_can_not_be_are_refused(changes, says):
    for part in PARTS:
        with pytest.raises(InputError, match=says) as caught:
            fresh(part, **changes)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_there_is_no_checkpoint_to_import(tmp_path, part):
    with pytest.raises(InputError, match=f"no weights of HiT were ever published; .* trains the {part}"):
        FAMILY.import_checkpoint(tmp_path / "hit.pt", ARCH, part)


@pytest.mark.long
@torch.inference_mode()
@pytest.mark.parametrize("part", PARTS)
def test_compiled_networks_are_the_same(part):
    network, x = build(part)
    expected = network(x)
    assert (torch.compile(network)(x) - expected).abs().max() < 1e-4 * expected.abs().max()
