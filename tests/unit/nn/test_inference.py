"""The paths without gradients give the images of the modules as they train."""

import copy

import pytest
import torch
from support import golden

from stylenat.network import FAMILY
from stylenat.nn import fused_norm
from stylenat.nn.fused_linear import linear, linear_add, linear_gelu
from stylenat.nn.norms import AdaIN
from stylenat.nn.skeleton import inference

# Narrow, so that already maps of 16 px have more tokens than a layer has outputs: both kinds of block run.
ARCH = {
    "resolution": 32,
    "kernel_sizes": [3, 7, 7, [5, 7]],
    "dilations": [[1], [1], [1, 2], [4, 1]],
    "max_channels": 32,
}


def build():
    generator = FAMILY.build_generator(ARCH).eval()
    shapes = {name: tuple(value.shape) for name, value in generator.state_dict().items()}
    generator.load_state_dict(golden.generator_state(shapes))
    return generator


@torch.inference_mode()
def image(generator, z, path, monkeypatch):
    """An image by a path, which is used for all its levels; None for the modules themselves."""
    with monkeypatch.context() as patch:
        patch.setattr(inference, "path_for", lambda z: None if path is None else path())
        return generator(z)


def error(found, expected):
    return float((found.double() - expected).abs().max() / expected.abs().max())


def plain_sum(x, y=None):
    x = x if y is None else x + y
    variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
    return x, mean, variance


@pytest.mark.parametrize("path", [inference.FoldedPath, inference.FusedNormPath])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_path_is_as_near_to_float64_as_the_modules_are(path, batch, monkeypatch):
    """The GPU's kernels have plain stand-ins here; they are tested by themselves."""
    monkeypatch.setattr(fused_norm, "add_with_moments", plain_sum)
    monkeypatch.setattr(fused_norm, "modulate", lambda x, scale, shift: x * scale + shift)
    generator, z = build(), golden.latents(batch, 512)
    truth = image(copy.deepcopy(generator).double(), z.double(), None, monkeypatch).double()
    plain, found = (image(generator, z, which, monkeypatch) for which in (None, path))
    assert not torch.equal(plain, found)
    assert error(found, truth) < 3 * error(plain, truth) + 1e-6


def test_bands_and_chunks_of_any_size_give_one_image(monkeypatch):
    generator, z = build(), golden.latents(2, 512)
    whole = image(generator, z, inference.FoldedPath, monkeypatch)
    monkeypatch.setattr(inference, "CHUNK_BYTES", 40_000)  # three rows of the largest map, or fewer
    assert error(image(generator, z, inference.FoldedPath, monkeypatch), whole.double()) < 1e-5


def test_the_path_is_taken_where_no_gradient_is(monkeypatch):
    calls = []
    block = inference.FoldedPath.block
    monkeypatch.setattr(inference.FoldedPath, "block", lambda *args: calls.append(1) or block(*args))
    generator, z = build(), golden.latents(1, 512)
    generator(z)
    assert not calls
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        generator(z)
    assert not calls
    with torch.no_grad():
        generator(z)
    assert len(calls) == 8


def test_a_call_leaves_the_network_and_its_latents_as_they_were():
    generator, z = build(), golden.latents(2, 512)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    given = z.clone()
    with torch.inference_mode():
        first, second = generator(z), generator(z)
    assert torch.equal(first, second)
    assert torch.equal(z, given)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_an_image_does_not_depend_on_the_others_of_its_batch():
    generator, z = build(), golden.latents(3, 512)
    with torch.inference_mode():
        alone, together = generator(z[1:2])[0], generator(z)[1]
    assert error(alone, together.double()) < 1e-5


def test_adain_is_a_scale_and_a_shift():
    torch.manual_seed(0)
    norm, x, w = AdaIN(6, 8).double(), 3 + torch.randn(2, 50, 6).double(), torch.randn(2, 8).double()
    scale, shift = norm.affine(w, *torch.var_mean(x, dim=1, correction=0, keepdim=True))
    torch.testing.assert_close(x * scale + shift, norm(x, w))


def test_moments_keep_their_digits_where_the_mean_is_large():
    torch.manual_seed(0)
    x = torch.randn(5000, 7) + 1000
    variance, mean = inference.moments(x)
    wanted, mean_wanted = torch.var_mean(x.double(), dim=0, correction=0, keepdim=True)
    torch.testing.assert_close(variance.double(), wanted, rtol=1e-4, atol=0)
    torch.testing.assert_close(mean.double(), mean_wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("fused", [True, False])
def test_linear_layers_with_what_follows_them(fused, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: fused)
    x, weight, bias, residual = torch.randn(9, 5), torch.randn(7, 5), torch.randn(7), torch.randn(9, 7)
    expected = x @ weight.t() + bias
    with torch.no_grad():
        torch.testing.assert_close(linear(x, weight, bias), expected)
        torch.testing.assert_close(linear(x, weight, None), expected - bias)
        torch.testing.assert_close(linear_gelu(x, weight, bias), torch.nn.functional.gelu(expected))
        torch.testing.assert_close(linear_add(x, weight, bias, residual), expected + residual)
