import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import signal

from stylenat.core.errors import InputError
from stylenat.nn.equalized import BiasedLeakyReLU, EqualLinear
from stylenat.nn.init import init_transformer
from stylenat.nn.norms import AdaIN, PixelNorm, append_minibatch_stddev
from stylenat.nn.position import position_axes
from stylenat.nn.resample import BlurFIR, DownsampleFIR, UpsampleFIR, fir_kernel
from stylenat.nn.wavelet import haar, inverse_haar


def test_equal_linear_scales_when_used():
    torch.manual_seed(0)
    layer = EqualLinear(64, 8, lr_mul=0.01, activate=True)
    assert layer.weight.detach().std() == pytest.approx(100, rel=0.1)
    torch.nn.init.normal_(layer.bias, std=100)
    x = torch.randn(5, 64)
    plain = x @ layer.weight.T * (0.01 / 8) + 0.01 * layer.bias
    torch.testing.assert_close(layer(x), torch.where(plain > 0, plain, 0.2 * plain) * math.sqrt(2))


def test_biased_leaky_relu_takes_maps_and_rows():
    layer = BiasedLeakyReLU(3)
    layer.bias.data = torch.tensor([1.0, -1.0, 0.0])
    assert layer(torch.zeros(1, 3))[0].tolist() == pytest.approx([math.sqrt(2), -0.2 * math.sqrt(2), 0])
    assert layer(torch.zeros(2, 3, 4, 5)).shape == (2, 3, 4, 5)


def test_pixel_norm_gives_rows_of_unit_mean_square():
    z = PixelNorm()(torch.randn(4, 512) * 7)
    assert z.square().mean(dim=1).tolist() == pytest.approx([1] * 4, rel=1e-5)


def test_adain_normalises_over_tokens_and_takes_scale_and_shift_from_the_style():
    torch.manual_seed(0)
    layer, x, w = AdaIN(6, 16), torch.randn(2, 50, 6) * 3 + 1, torch.randn(2, 16)
    scale, shift = layer.style(w).chunk(2, dim=1)
    normal = F.instance_norm(x.transpose(1, 2), eps=1e-5).transpose(1, 2)
    torch.testing.assert_close(layer(x, w), normal * scale[:, None] + shift[:, None], rtol=1e-4, atol=1e-5)


def upfirdn(x, up, down, pad, gain):
    """Zero insertion, padding, true convolution and decimation of one map, by scipy."""
    zeros = np.zeros((x.shape[0] * up, x.shape[1] * up))
    zeros[::up, ::up] = x
    taps = np.array([1.0, 3.0, 3.0, 1.0])
    kernel = np.outer(taps, taps) / 64 * gain
    return signal.convolve2d(np.pad(zeros, pad), kernel, mode="valid")[::down, ::down]


@pytest.mark.parametrize(
    ("module", "up", "down", "pad", "gain"),
    [(UpsampleFIR(), 2, 1, (2, 1), 4), (DownsampleFIR(), 1, 2, (1, 1), 1), (BlurFIR(), 1, 1, (2, 2), 1)],
    ids=["up", "down", "blur"],
)
def test_resampling_is_zero_insertion_filter_and_decimation(module, up, down, pad, gain):
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    found = module(x)
    for b in range(2):
        for c in range(3):
            expected = upfirdn(x[b, c].numpy(), up, down, pad, gain)
            np.testing.assert_allclose(found[b, c].numpy(), expected, rtol=1e-6, atol=1e-7)


def test_the_filters_add_nothing_to_the_state():
    assert not UpsampleFIR().state_dict()
    assert fir_kernel(4.0).sum() == pytest.approx(4)


def test_haar_bands_and_inverse():
    cell = torch.tensor([[1.0, 2.0], [3.0, 5.0]]).expand(1, 3, 2, 2)
    bands = haar(cell)[0, :, 0, 0].view(4, 3)[:, 0]
    assert bands.tolist() == [5.5, -2.5, -1.5, 0.5]
    x = torch.randn(2, 3, 8, 6)
    assert haar(x).shape == (2, 12, 4, 3)
    torch.testing.assert_close(inverse_haar(haar(x)), x)


def test_minibatch_stddev_groups_are_a_stride_apart():
    x = torch.randn(8, 5, 4, 4)
    out = append_minibatch_stddev(x)
    assert out.shape == (8, 6, 4, 4)
    assert torch.equal(out[:, :5], x)
    for image in range(8):
        group = x[image % 2 :: 2]
        expected = (group.var(dim=0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[image, 5], expected.expand(4, 4))


def test_minibatch_stddev_refuses_a_broken_group():
    with pytest.raises(InputError, match="got 6 images, expected a multiple of 4"):
        append_minibatch_stddev(torch.zeros(6, 1, 2, 2))
    assert append_minibatch_stddev(torch.zeros(3, 1, 2, 2)).shape == (3, 2, 2, 2)


def test_position_code_is_one_based_and_x_comes_first():
    code = sum(position_axes(4, 16))
    assert code.shape == (4, 4, 16)
    assert code[2, 0, 0] == pytest.approx(math.sin(1))
    assert code[2, 0, 8] == pytest.approx(math.sin(3))
    assert code[0, 3, 4] == pytest.approx(math.cos(4))
    assert code[0, 3, 3] == pytest.approx(math.sin(4 / 10000))
    with pytest.raises(InputError, match="multiple of 4"):
        position_axes(4, 6)


def test_init_leaves_equalised_layers_alone():
    torch.manual_seed(0)
    module = torch.nn.ModuleList([torch.nn.Linear(256, 256), torch.nn.Conv2d(64, 3, 1), EqualLinear(64, 64)])
    module.apply(init_transformer)
    assert module[0].weight.detach().std() == pytest.approx(0.02, rel=0.05)
    assert module[0].bias.detach().abs().max() == 0
    assert module[1].weight.detach().std() == pytest.approx(0.02 * math.sqrt(2 / 67), rel=0.2)
    assert module[2].weight.detach().std() == pytest.approx(1, rel=0.1)
