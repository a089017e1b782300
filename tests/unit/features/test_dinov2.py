import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support.toys import photo
from torchvision import transforms

from stylenat.core.errors import InputError
from stylenat.features import dinov2
from stylenat.features.dinov2 import Dinov2, expected_state, resample

SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 3}  # the form of ViT-L/14 at a cost that tests can bear


def random_state(**changes):
    rng = torch.Generator().manual_seed(0)
    state = {name: 0.3 * torch.randn(like.shape, generator=rng) for name, like in expected_state(**SMALL).items()}
    return state | changes


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("dinov2") / "small.pth"
    torch.save(random_state(), path)
    return path


def pixels(count, side_px):
    return torch.from_numpy(np.stack([photo(index, side_px) for index in range(count)]).transpose(0, 3, 1, 2).copy())


def layer_norm(x, state, name):
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)


def linear(x, state, name):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def official(state, normalised_BCHW, heads=3, depth=2):
    """The forward pass as the paper and the official code describe it, written with plain matrix products."""
    patch_BND = F.conv2d(normalised_BCHW, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    patch_BND = patch_BND.flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(patch_BND), -1, -1), patch_BND], dim=1)
    x = x + official_positions(state["pos_embed"])
    for name in (f"blocks.{number}" for number in range(depth)):
        qkv = linear(layer_norm(x, state, f"{name}.norm1"), state, f"{name}.attn.qkv")
        q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        out = linear(mixed.transpose(1, 2).flatten(2), state, f"{name}.attn.proj")
        x = x + state[f"{name}.ls1.gamma"] * out
        hidden = F.gelu(linear(layer_norm(x, state, f"{name}.norm2"), state, f"{name}.mlp.fc1"))
        x = x + state[f"{name}.ls2.gamma"] * linear(hidden, state, f"{name}.mlp.fc2")
    return layer_norm(x, state, "norm")[:, 0]


def cubic(distance):
    """The kernel of bicubic interpolation with a = -0.75."""
    t = abs(distance)
    if t <= 1:
        return 1.25 * t**3 - 2.25 * t**2 + 1
    return -0.75 * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def official_positions(position_1ND, side=16):
    """Rows of weights worked out by hand: place i takes from (i + 0.5) * 37 / 16.1 - 0.5, four taps, edges repeated."""
    weight = torch.zeros(side, 37)
    for place in range(side):
        centre = (place + 0.5) * 37 / 16.1 - 0.5
        for tap in range(math.floor(centre) - 1, math.floor(centre) + 3):
            weight[place, min(max(tap, 0), 36)] += cubic(tap - centre)
    grid_HWD = position_1ND[0, 1:].unflatten(0, (37, 37))
    resampled = torch.einsum("yh,xw,hwd->yxd", weight, weight, grid_HWD)
    return torch.cat([position_1ND[0, :1], resampled.flatten(0, 1)])[None]


def test_the_class_token_is_the_one_of_the_official_network(weights):
    image = pixels(2, 224)  # nothing to resize
    mean, sd = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    extractor = Dinov2(weights, "cls", **SMALL)
    found = extractor(image)
    assert extractor.width == 24
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, official(random_state(), (image / 255 - mean) / sd), rtol=1e-4, atol=1e-4)


def test_positions_are_resampled_as_the_official_code_does_and_not_as_timm_does():
    from timm.layers import resample_abs_pos_embed

    position = torch.randn(1, 1 + 37 * 37, 5, generator=torch.Generator().manual_seed(1))
    found = resample(position, 16)
    torch.testing.assert_close(found, official_positions(position), rtol=1e-4, atol=1e-4)
    by_timm = resample_abs_pos_embed(position, new_size=[16, 16], old_size=[37, 37])
    assert (found - by_timm).abs().mean() > 0.1


@pytest.mark.parametrize("side_px", [64, 300])
def test_images_are_resized_and_normalised_as_dgm_eval_does(weights, side_px):
    chain = transforms.Compose(
        [
            transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    expected = torch.stack([chain(Image.fromarray(photo(index, side_px))) for index in range(3)])
    extractor = Dinov2(weights, "cls", **SMALL)
    seen = []
    extractor.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    extractor(pixels(3, side_px))
    torch.testing.assert_close(seen[0], expected, rtol=1e-5, atol=1e-6)


def test_torch_fidelity_s_preprocessing_is_another_one():
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    by_fidelity = interpolate_bilinear_2d_like_tensorflow1x(pixels(1, 300).float(), (224, 224), align_corners=False)
    by_pillow = dinov2._resize(photo(0, 300)).transpose(2, 0, 1)
    assert np.abs(by_fidelity[0].numpy() - by_pillow).mean() > 5


def test_the_official_checkpoint_is_the_large_network_at_518_px():
    state = expected_state()
    assert state["pos_embed"].shape == (1, 1 + 37 * 37, 1024)
    assert state["blocks.23.mlp.fc2.weight"].shape == (1024, 4096)
    assert "mask_token" in state
    assert "blocks.24.norm1.weight" not in state
    assert not any(name.startswith("head") for name in state)
    published_bytes = 1_217_586_395  # of dinov2_vitl14_pretrain.pth: float32 values and a little of the archive's own
    assert 0 < published_bytes - 4 * sum(value.numel() for value in state.values()) < 200_000


def test_another_network_is_refused_in_one_line(weights, tmp_path):
    with pytest.raises(InputError, match=r"small\.pth: not the official DINOv2 ViT-L/14: \d+ tensors are missing"):
        Dinov2(weights, "cls")
    torch.save(random_state(extra=torch.zeros(2)), tmp_path / "more.pth")
    with pytest.raises(InputError, match=r"more\.pth: not the official .* 1 tensors .* the first is 'extra'"):
        Dinov2(tmp_path / "more.pth", "cls", **SMALL)
    torch.save(random_state(pos_embed=torch.zeros(1, 257, 24)), tmp_path / "small-grid.pth")
    with pytest.raises(InputError, match=r"small-grid\.pth: .* the first is 'pos_embed'"):
        Dinov2(tmp_path / "small-grid.pth", "cls", **SMALL)


def test_half_precision_weights_give_float32_features(tmp_path):
    torch.save({name: value.half() for name, value in random_state().items()}, tmp_path / "half.pth")
    assert Dinov2(tmp_path / "half.pth", "cls", **SMALL)(pixels(1, 32)).dtype == torch.float32
