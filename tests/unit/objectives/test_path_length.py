"""Path lengths against closed forms, and the running mean."""

import math

import pytest
import torch

from stylenat.objectives.path_length import PathLength, path_lengths


def linear_images(w, matrix):
    """Images that are linear in the sum of an image's styles."""
    return (w.sum(dim=1) @ matrix).view(len(w), 3, 4, 4)


def test_lengths_of_a_linear_map_are_those_of_its_transpose():
    """The gradient of noise . (A w) is A' noise, the same for each layer."""
    torch.manual_seed(0)
    w, matrix = torch.randn(5, 6, 7, dtype=torch.float64, requires_grad=True), torch.randn(7, 48, dtype=torch.float64)
    noise = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    found = path_lengths(linear_images(w, matrix), w, noise)
    torch.testing.assert_close(found, (noise.flatten(1) @ matrix.t()).norm(dim=1))


def test_layers_count_by_their_mean_square():
    w = torch.ones(1, 2, 1, dtype=torch.float64, requires_grad=True)
    image = (3 * w[:, 0] + 4 * w[:, 1]).view(1, 1, 1, 1)
    assert path_lengths(image, w, torch.ones(1, 1, 1, 1)).item() == pytest.approx(math.sqrt((9 + 16) / 2))


def test_the_penalty_and_its_gradient_through_lengths_and_mean():
    """Length of images a * w is |a|, up to the noise's norm n: everything follows in closed form."""
    module = PathLength(decay=0.25)
    module.mean.fill_(2.0)
    a = torch.tensor([1.5, -3.0], dtype=torch.float64, requires_grad=True)
    w = torch.ones(2, 1, 1, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    norm = (torch.randn(2, 1, 1, 1, dtype=torch.float64)).abs().flatten()
    torch.manual_seed(3)
    penalty, lengths = module(a.view(2, 1, 1, 1) * w.view(2, 1, 1, 1), w)
    expected = a.abs() * norm
    mean = 0.75 * 2 + 0.25 * expected.mean()
    torch.testing.assert_close(lengths, expected)
    torch.testing.assert_close(penalty, (expected - mean).square().mean())
    torch.testing.assert_close(module.mean, mean.float())
    (found,) = torch.autograd.grad(penalty, a)
    (by_hand,) = torch.autograd.grad((expected - mean).square().mean(), a)
    torch.testing.assert_close(found, by_hand)
    assert not module.mean.requires_grad


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    weight = torch.randn(7, 48, dtype=torch.float64, requires_grad=True)
    w, noise = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True), torch.randn(2, 3, 4, 4)

    def lengths(weight):
        return path_lengths(linear_images(w, weight).tanh(), w, noise.double())

    assert torch.autograd.gradcheck(lengths, (weight,))


def test_noise_shrinks_with_the_pixels_so_that_lengths_do_not_depend_on_the_size():
    torch.manual_seed(0)
    found = []
    for side in (8, 64):
        w = torch.ones(64, 1, 1, requires_grad=True)
        found.append(PathLength()(w.view(-1, 1, 1, 1).expand(-1, 1, side, side), w)[1].square().mean())
    assert found[0].item() == pytest.approx(1, abs=0.5)
    assert found[1].item() == pytest.approx(1, abs=0.5)


def test_the_mean_is_part_of_the_state():
    module = PathLength(decay=1.0)
    w = torch.ones(4, 1, 1, requires_grad=True)
    _, lengths = module(2 * w.view(-1, 1, 1, 1), w)
    other = PathLength()
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(other.mean, lengths.mean().detach())
