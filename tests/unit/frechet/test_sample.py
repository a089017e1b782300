import numpy as np
import pytest

from stylenat.frechet.moments import moments_of, pack, unpack
from stylenat.frechet.sample import MOST_GROUPS, Sample, groups_of


def test_a_sample_is_the_sum_of_its_parts():
    x = np.random.default_rng(0).standard_normal((12, 3))
    sample = Sample((moments_of(x[:5]), moments_of(x[5:])))
    assert (sample.count, sample.width) == (12, 3)
    assert np.allclose(sample.whole.covariance_DD, np.cov(x, rowvar=False))


@pytest.mark.parametrize(("count", "groups"), [(50_000, 20), (128, 16), (60, 20), (21, 7), (23, 1), (1, 1)])
def test_groups_are_of_one_size(count, groups):
    assert groups_of(count) == groups
    assert count % groups == 0
    assert not any(count % more == 0 for more in range(groups + 1, MOST_GROUPS + 1))


def test_a_packed_matrix_comes_back():
    x = np.random.default_rng(1).standard_normal((9, 4))
    outer = moments_of(x).outer_DD
    assert pack(outer).shape == (10,)
    assert np.array_equal(unpack(pack(outer), 4), outer)
