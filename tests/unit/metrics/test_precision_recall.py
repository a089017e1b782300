import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylenat.core.errors import InputError
from stylenat.metrics import precision, recall


def normal(seed, count=60, width=3):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def share_inside(points, centres, neighborhood):
    """The share of points within the k-th nearest neighbour's distance of some centre, written out point by point."""

    def distances(point):
        return np.sqrt(((centres.astype(np.float64) - point) ** 2).sum(axis=1))

    radii = [np.sort(distances(centre))[neighborhood] for centre in centres]  # entry 0 is the centre itself
    return np.mean([(distances(point) <= radii).any() for point in points])


@pytest.mark.parametrize("neighborhood", [1, 3, 5])
def test_both_are_the_shares_of_the_definition(neighborhood):
    real, fake = normal(0), normal(1, count=47) * np.float32(1.5) + np.float32(0.7)
    found = [metric.compute(real, fake, neighborhood=neighborhood) for metric in (precision, recall)]
    assert found[0].value == pytest.approx(share_inside(fake, real, neighborhood))
    assert found[1].value == pytest.approx(share_inside(real, fake, neighborhood))
    assert found[0].value < 1
    assert found[0].value != found[1].value
    assert found[0].details == {"real_count": 60, "fake_count": 47, "feature_width": 3, "neighborhood": neighborhood}
    assert found[1].details == found[0].details


def test_a_line_of_points_gives_shares_that_can_be_counted():
    """Reals at 0, 1, 2, 3 with radii of 1 cover [-1, 4]; fakes at 3, 4, 5, 6 cover [2, 7]."""
    real, fake = (np.arange(start, start + 4.0)[:, None] for start in (0, 3))
    assert precision.compute(real, fake, neighborhood=1).value == 0.5
    assert recall.compute(real, fake, neighborhood=1).value == 0.5
    fake = np.array([[0.5], [1.5], [9.0], [9.5]])
    assert precision.compute(real, fake, neighborhood=1).value == 0.5
    assert recall.compute(real, fake, neighborhood=1).value == 0.75  # 0, 1 and 2 lie within 1 of the first two


def test_few_modes_are_precise_and_all_noise_is_neither():
    real = normal(0, count=200)
    copies = real[:10].repeat(20, axis=0) + normal(1, count=200) * np.float32(1e-3)
    assert precision.compute(real, copies).value > 0.95
    assert recall.compute(real, copies).value < 0.3
    far = normal(2, count=200) + np.float32(100)
    assert precision.compute(real, far).value == recall.compute(real, far).value == 0


def test_distances_keep_their_digits_far_from_the_origin():
    real, fake = (normal(seed).astype(np.float64) + 1e4 for seed in (0, 1))
    for metric in (precision, recall):
        near = metric.compute(real - 1e4, fake - 1e4).value
        assert metric.compute(real, fake).value == near


@given(st.integers(0, 1000), st.integers(1, 4))
def test_an_exchange_of_the_sets_exchanges_the_two(seed, neighborhood):
    real, fake = normal(seed, count=12, width=2), normal(seed + 1, count=9, width=2)
    there = precision.compute(real, fake, neighborhood=neighborhood).value
    assert there == recall.compute(fake, real, neighborhood=neighborhood).value
    assert precision.compute(real, real, neighborhood=neighborhood).value == 1
    assert there <= precision.compute(real, fake, neighborhood=neighborhood + 1).value


@pytest.mark.parametrize("metric", [precision, recall])
def test_parameters_and_features_are_checked(metric):
    name = metric.__name__.rpartition(".")[2]
    with pytest.raises(InputError, match=f"metric '{name}': neighborhood is 9, but the smaller set has 9 images"):
        metric.compute(normal(0), normal(1, count=9), neighborhood=9)
    for bad in (0, 2.5, True):
        with pytest.raises(InputError, match=f"metric '{name}': neighborhood is {bad}, expected a whole number"):
            metric.compute(normal(0), normal(1), neighborhood=bad)
    with pytest.raises(InputError, match="found 3 real and 2 fake features"):
        metric.compute(normal(0), normal(1, width=2))
