"""StyleSwin's networks against the official ones: counts to the integer, images under golden weights."""

import pytest
import torch
from support import golden

from baselines.styleswin import FAMILY
from baselines.styleswin.attention import DoubleAttention
from baselines.styleswin.config import parse_arch
from stylenat.core.errors import InputError
from stylenat.nn.skeleton import inference

ARCH_64 = {"resolution": 64}
SMALL = {"resolution": 32, "max_channels": 32}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_levels_at_256():
    with torch.device("meta"):
        generator = FAMILY.build_generator({"resolution": 256})
    expected = [8_666_657, 8_672_289, 8_672_289, 8_672_289, 8_541_217, 2_664_977, 922_632]
    assert [count(level) for level in generator.layers] == expected


def error(image, expected):
    return float((image - expected).abs().max() / expected.abs().max())


def plain_attention(module, x_BHWC):
    """Both groups from their definition: rolled, cut into windows, all masks written out."""
    side, window, heads = x_BHWC.shape[1], module.window, module.num_heads // 2
    outputs = []
    packed = module.qkv(x_BHWC).unflatten(-1, (3, 2 * heads, -1))
    for group, shift in enumerate((0, module.shift)):
        out = torch.zeros_like(packed[:, :, :, 0, :heads])
        table = module.relative_position_bias_table[group]
        place = [((y - shift) % side, (x - shift) % side) for y in range(side) for x in range(side)]
        for q, (qy, qx) in enumerate(place):
            keys = [
                k for k, (ky, kx) in enumerate(place) if (ky // window, kx // window) == (qy // window, qx // window)
            ]
            logits = []
            for k in keys:
                ky, kx = place[k]
                bias = table[(qy - ky + window - 1) * (2 * window - 1) + qx - kx + window - 1]
                # Pixels that the roll brought together over the border do not see each other.
                apart = shift and (abs(q // side - k // side) >= window or abs(q % side - k % side) >= window)
                part = slice(group * heads, (group + 1) * heads)
                query, key = (packed[0, i // side, i % side, j, part] for j, i in enumerate((q, k)))
                logits.append((query * key).sum(-1) * query.shape[-1] ** -0.5 + bias - (100 if apart else 0))
            weight = torch.stack(logits).softmax(0)
            values = torch.stack([packed[0, k // side, k % side, 2, part] for k in keys])
            out[0, q // side, q % side] = (weight[..., None] * values).sum(0)
        outputs.append(out)
    return module.proj(torch.cat(outputs, dim=3).flatten(3))


@pytest.mark.parametrize("gradients", [False, True])
@torch.no_grad()
def test_attention_is_its_definition(gradients):
    torch.manual_seed(0)
    module = DoubleAttention(8, 4, side=8, window=4).double()
    for parameter in module.parameters():
        parameter.normal_()
    x = torch.randn(1, 8, 8, 8, dtype=torch.float64)
    expected = plain_attention(module, x)
    with torch.set_grad_enabled(gradients):
        torch.testing.assert_close(module(x).detach(), expected)


@pytest.mark.parametrize("band_bytes", [1, 3 * 8 * 16 * 3 * 8 * 8, 1 << 30])
@torch.no_grad()
def test_bands_of_any_size_give_one_map(band_bytes, monkeypatch):
    torch.manual_seed(0)
    module = DoubleAttention(16, 4, side=32, window=8).double()
    x = torch.randn(2, 32, 32, 16, dtype=torch.float64)
    with torch.enable_grad():
        expected = module(x).detach()
    monkeypatch.setattr("baselines.styleswin.attention.BAND_BYTES", band_bytes)
    torch.testing.assert_close(module(x), expected)


@torch.inference_mode()
def test_the_path_without_gradients_gives_the_image_of_the_modules(monkeypatch):
    torch.manual_seed(0)
    generator = FAMILY.build_generator(SMALL).eval()
    state = golden.generator_state({name: value.shape for name, value in generator.state_dict().items()})
    generator.load_state_dict(state)
    z = golden.latents(2, 512)
    found = generator(z)
    monkeypatch.setattr(inference, "path_for", lambda _: None)
    assert error(found, generator(z)) < 2e-5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resolution": 48}, "resolution is 48, expected a power of two"),
        ({"min_heads": 3, "max_channels": 32}, "4 px: 32 channels can't be divided among 3 heads in two groups"),
        ({"window": 8}, "unknown key 'window'"),
    ],
)
def test_an_architecture_that_can_not_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        parse_arch({**SMALL, **change})
