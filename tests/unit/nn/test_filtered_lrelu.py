"""The filtered leaky ReLU against its definition: zeros inserted, filtered, activated, filtered, decimated."""

import numpy as np
import pytest
import torch
from scipy import signal

from stylenat.nn import filtered_lrelu as module
from stylenat.nn.filtered_lrelu import Resampling, filtered_lrelu, lowpass_taps


def by_definition(x, up_taps, down_taps, side):
    """One map, in float64, by scipy."""
    fine = np.zeros((side.in_size * side.up,) * 2)
    fine[:: side.up, :: side.up] = x
    total = side.fine_size + side.up_taps - 1 - len(fine)
    low, high = side.first, total - side.first
    fine = fine[max(-low, 0) :, max(-low, 0) :]
    fine = fine[: len(fine) + min(high, 0), : len(fine) + min(high, 0)]
    fine = np.pad(fine, (max(low, 0), max(high, 0)))
    up = np.outer(up_taps, up_taps) * side.up**2
    fine = signal.correlate2d(fine, up, mode="valid")
    fine = np.clip(np.where(fine > 0, fine, 0.2 * fine) * 2**0.5, -256, 256)
    return signal.correlate2d(fine, np.outer(down_taps, down_taps), mode="valid")[:: side.down, :: side.down]


def case(up, down, in_size, out_size, down_taps=12):
    """A geometry, unsymmetric taps, and an input with its factors, all float64."""
    torch.manual_seed(0)
    side = Resampling.centred(up, down, 6 * up, down_taps, in_size, out_size)
    taps = torch.rand(6 * up).double(), torch.rand(down_taps).double()
    taps = tuple(x / x.sum() for x in taps)
    x = torch.randn(2, 3, in_size, in_size).double()
    return side, taps, x, torch.rand(2, 3).double() + 0.5, torch.randn(3).double()


CASES = [(2, 2, 14, 12), (4, 2, 14, 20), (16, 2, 9, 24), (2, 2, 38, 16), (4, 2, 38, 20)]


@pytest.mark.parametrize("strips", [1 << 30, 1], ids=["whole", "strips"])
@pytest.mark.parametrize("sizes", CASES)
def test_the_polyphase_form_is_the_definition(sizes, strips, monkeypatch):
    monkeypatch.setattr(module, "STRIP_BYTES", strips)
    side, taps, x, scale, bias = case(*sizes)
    with torch.no_grad():
        found = filtered_lrelu(x, scale, bias, *taps, side)
    assert found.shape == (2, 3, sizes[3], sizes[3])
    with torch.enable_grad():
        learning = filtered_lrelu(x.requires_grad_(), scale, bias, *taps, side)
    torch.testing.assert_close(learning.detach(), found)
    for b in range(2):
        for c in range(3):
            plain = (x[b, c] * scale[b, c] + bias[c]).detach().numpy()
            expected = by_definition(plain, *(t.numpy() for t in taps), side)
            np.testing.assert_allclose(found[b, c].numpy(), expected, rtol=1e-10, atol=1e-12)


def test_values_are_clamped_at_256():
    side, taps, x, scale, bias = case(2, 2, 14, 12)
    with torch.no_grad():
        found = filtered_lrelu(x * 1e3, scale, bias, *taps, side)
    expected = by_definition((x[1, 2] * 1e3 * scale[1, 2] + bias[2]).numpy(), *(t.numpy() for t in taps), side)
    np.testing.assert_allclose(found[1, 2].numpy(), expected, rtol=1e-10)
    assert found.abs().max() <= 256


def test_an_input_cropped_to_the_used_range_gives_the_same():
    side, taps, x, scale, bias = case(2, 2, 38, 16)
    begin, end = side.used
    assert (begin, end) != (0, 38)
    with torch.no_grad():
        whole = filtered_lrelu(x, scale, bias, *taps, side)
        crop = x[:, :, begin:end, begin:end]
        torch.testing.assert_close(filtered_lrelu(crop, scale, bias, *taps, side.cropped()), whole)
        for at in (begin, end - 1):  # and no less would do
            changed = x.clone()
            changed[:, :, at] += 1
            assert not torch.equal(filtered_lrelu(changed, scale, bias, *taps, side), whole)


def test_first_and_second_derivatives():
    side, taps, x, scale, bias = case(4, 2, 5, 6)

    def run(x, scale, bias):
        return filtered_lrelu(x, scale, bias, *taps, side)

    inputs = [value.clone().requires_grad_() for value in (x[:1, :1], scale[:1, :1], bias[:1])]
    assert torch.autograd.gradcheck(run, inputs, atol=1e-6)
    assert torch.autograd.gradgradcheck(run, inputs, atol=1e-6)


def test_the_strips_leave_the_input_as_it_was():
    side, taps, x, scale, bias = case(2, 2, 14, 12)
    before = x.clone()
    with torch.no_grad():
        filtered_lrelu(x, scale, bias, *taps, side)
    assert torch.equal(x, before)


def test_the_low_pass_filter_passes_low_frequencies():
    taps = lowpass_taps(12, cutoff=4.0, width=4.0, rate=32.0).double()
    assert taps.sum() == pytest.approx(1, abs=1e-6)
    place = torch.arange(12) - 5.5
    response = [float((taps * torch.cos(2 * torch.pi * f / 32 * place)).sum()) for f in (1, 4, 10)]
    assert response[0] > 0.9
    assert response[1] == pytest.approx(0.5, abs=0.05)
    assert abs(response[2]) < 0.05
