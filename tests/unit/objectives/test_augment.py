import dataclasses

import pytest
import torch

from stylenat.objectives import augment


def identity(batch, side):
    """Parameters that change nothing; the cutout's square lies outside."""
    return augment.Draw(
        mirror_B=torch.zeros(batch, dtype=torch.bool),
        shift_B2=torch.zeros(batch, 2, dtype=torch.int64),
        brightness_B=torch.zeros(batch),
        saturation_B=torch.ones(batch),
        contrast_B=torch.ones(batch),
        cutout_B2=torch.full((batch, 2), 10 * side),
    )


@pytest.fixture
def image():
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def with_(**changes):
    return dataclasses.replace(identity(3, 8), **changes)


def test_identity(image):
    torch.testing.assert_close(augment.apply(image, identity(3, 8)), image)


def test_mirror_takes_the_chosen_images_only(image):
    out = augment.apply(image, with_(mirror_B=torch.tensor([True, False, True])))
    torch.testing.assert_close(out[0], image[0].flip(2))
    torch.testing.assert_close(out[1], image[1])


def test_shift_moves_down_and_right_and_brings_zeros(image):
    out = augment.apply(image, with_(shift_B2=torch.tensor([[1, 0], [0, -1], [0, 0]])))
    torch.testing.assert_close(out[0, :, 1:], image[0, :, :-1])
    assert out[0, :, 0].abs().max() == 0
    torch.testing.assert_close(out[1, :, :, :-1], image[1, :, :, 1:])
    assert out[1, :, :, -1].abs().max() == 0


def test_colour(image):
    bright = augment.apply(image, with_(brightness_B=torch.tensor([0.5, 0.0, 0.0])))
    torch.testing.assert_close(bright[0], image[0] + 0.5)
    grey = augment.apply(image, with_(saturation_B=torch.tensor([0.0, 1.0, 1.0])))
    torch.testing.assert_close(grey[0], image[0].mean(0, keepdim=True).expand(3, 8, 8))
    flat = augment.apply(image, with_(contrast_B=torch.tensor([0.5, 1.0, 1.0])))
    torch.testing.assert_close(flat[0], (image[0] + image[0].mean()) / 2)


def test_cutout_is_half_the_side_and_clipped(image):
    centres = torch.tensor([[4, 4], [0, 0], [80, 80]])
    out = augment.apply(image, with_(cutout_B2=centres))
    assert out[0, :, 2:6, 2:6].abs().max() == 0
    assert (out[0] != 0).sum() == 3 * (64 - 16)
    assert (out[1] != 0).sum() == 3 * (64 - 4)
    torch.testing.assert_close(out[2], image[2])


def test_the_order_can_be_told_and_what_it_leaves_out_is_not_done(image):
    chosen = with_(
        mirror_B=torch.ones(3, dtype=torch.bool),
        shift_B2=torch.tensor([[1, 0]] * 3),
        brightness_B=torch.full((3,), 0.5),
    )
    shift_first = augment.apply(image, chosen, ("shift", "brightness"))
    torch.testing.assert_close(shift_first[:, :, 0], torch.full((3, 3, 8), 0.5))
    torch.testing.assert_close(shift_first[:, :, 1:], image[:, :, :-1] + 0.5)
    colour_first = augment.apply(image, chosen, ("brightness", "shift"))
    assert colour_first[:, :, 0].abs().max() == 0
    torch.testing.assert_close(colour_first[:, :, 1:], image[:, :, :-1] + 0.5)
    assert torch.equal(augment.apply(image, chosen), augment.apply(image, chosen, augment.ORDER))
    torch.testing.assert_close(augment.apply(image, chosen), shift_first.flip(3))


def test_an_image_s_draw_depends_on_its_index_alone():
    whole, part = augment.draw(1, "bcr_real", range(10), 32), augment.draw(1, "bcr_real", range(4, 6), 32)
    for field in (field for field in dataclasses.fields(augment.Draw) if "_B" in field.name):
        assert torch.equal(getattr(whole, field.name)[4:6], getattr(part, field.name))
    other = augment.draw(1, "bcr_fake", range(10), 32)
    assert not torch.equal(whole.brightness_B, other.brightness_B)


def test_ranges():
    found = augment.draw(0, "bcr_real", range(2000), 32)
    assert found.shift_B2.min() == -4
    assert found.shift_B2.max() == 4
    assert found.mirror_B.float().mean() == pytest.approx(0.5, abs=0.04)
    for name, low, high in (("brightness_B", -0.5, 0.5), ("saturation_B", 0, 2), ("contrast_B", 0.5, 1.5)):
        values = getattr(found, name)
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high
    assert found.cutout_B2.min() == 0
    assert found.cutout_B2.max() == 32


def test_gradient_flows(image):
    image.requires_grad_(True)
    augment.apply(image, augment.draw(0, "bcr_real", range(3), 8)).sum().backward()
    assert image.grad.abs().sum() > 0
