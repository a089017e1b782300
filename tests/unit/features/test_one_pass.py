import numpy as np
import pytest
import torch

from stylenat.core.errors import InputError
from stylenat.features.one_pass import one_pass
from stylenat.features.statistics import Kept

CPU, BOTH = torch.device("cpu"), Kept(True, True)


class Counting(torch.nn.Module):
    """Means of the channels times a factor; remembers how often it was called."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.calls = factor, 0

    def forward(self, pixel_BCHW):
        self.calls += 1
        return self.factor * pixel_BCHW.float().mean(dim=(2, 3))


def images(count, side=4):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def run(batches, rows=range(10, 15), **extractors):
    extractors = extractors or {"one": Counting(1.0)}
    return one_pass(batches, extractors, dict.fromkeys(extractors, BOTH), rows, CPU, {"name": "here"})


def test_each_image_is_made_once_and_seen_by_every_detector():
    made = []

    def batches():
        for start in (0, 3):
            made.append(start)
            yield images(5)[start : start + 3]

    one, two = Counting(1.0), Counting(2.0)
    found = run(batches(), one=one, two=two)
    assert made == [0, 3]
    assert (one.calls, two.calls) == (2, 2)
    expected = images(5).double().mean(dim=(2, 3)).numpy()
    assert np.allclose(found["one"].feature_ND, expected, rtol=1e-6)
    assert np.allclose(found["two"].moments.sum_D, 2 * expected.sum(axis=0), rtol=1e-6)
    assert found["one"].device == {"name": "here"}


@pytest.mark.parametrize("count", [0, 4, 6])
def test_more_or_fewer_images_than_said_are_an_error(count):
    with pytest.raises(InputError, match=rf"found {count} images, expected 5 \(10 to 14\)"):
        run([images(count)] if count else [])


def test_images_of_two_sizes_are_an_error():
    with pytest.raises(InputError, match=r"found images of \(4, 4\) and of \(6, 6\) px, expected one size"):
        run([images(3), images(2, 6)])


@pytest.mark.parametrize("wrong", [images(5).float(), images(5)[0], images(5)[:, :1]])
def test_what_is_no_batch_of_uint8_images_is_an_error(wrong):
    with pytest.raises(InputError, match=r"expected uint8 \(B, 3, H, W\)"):
        run([wrong])


def test_a_feature_that_is_not_finite_names_image_and_detector():
    class Broken(Counting):
        def forward(self, pixel_BCHW):
            found = super().forward(pixel_BCHW)
            found[1] = float("inf")
            return found

    with pytest.raises(InputError, match=r"image 11 under detector 'odd' are not finite \(1 such"):
        run([images(5)], odd=Broken(1.0))
