import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.metrics import kid

PARAMETERS = {"subset_size": 100, "subsets": 10}


def normal(seed, count=200):
    return np.random.default_rng(seed).standard_normal((count, 5)).astype(np.float32)


def mmd2(x, y, degree=3):
    """The unbiased estimate, written out: means over pairs of different images."""
    kernels = [(a @ b.T / x.shape[1] + 1) ** degree for a, b in ((x, x), (y, y), (x, y))]
    n = len(x)
    inner = [(k.sum() - np.trace(k)) / (n * (n - 1)) for k in kernels[:2]]
    return sum(inner) - 2 * kernels[2].mean()


@pytest.mark.parametrize("degree", [2, 3])
def test_one_subset_of_everything_is_the_estimate(degree):
    real, fake = normal(0), normal(1) + np.float32(0.3)
    found = kid.compute(real, fake, subset_size=200, subsets=1, degree=degree)
    assert found.value == pytest.approx(mmd2(fake.astype(float), real.astype(float), degree), rel=1e-9)
    assert found.details["sd_over_subsets"] == 0


def test_it_grows_with_the_shift():
    values = [kid.compute(normal(0), normal(1) + np.float32(s), **PARAMETERS).value for s in (0, 0.5, 1)]
    assert abs(values[0]) < 0.1 * values[1]
    assert values == sorted(values)


def test_the_subsets_depend_on_the_seed_alone():
    first, again, other = (kid.compute(normal(0), normal(1), **PARAMETERS, rng_seed=s).value for s in (1, 1, 2))
    assert first == again != other


def test_parameters_are_checked():
    with pytest.raises(InputError, match="subset_size is 201, but the smaller set has 200 images"):
        kid.compute(normal(0), normal(1), subset_size=201, subsets=1)
    for bad in ({"subsets": 0}, {"subset_size": 1}, {"degree": 0}, {"subsets": 2.5}, {"subsets": True}):
        with pytest.raises(InputError, match=f"metric 'kid': {next(iter(bad))} is .* expected a whole number"):
            kid.compute(normal(0), normal(1), **{**PARAMETERS, **bad})
    with pytest.raises(InputError, match="expected"):
        kid.compute(normal(0)[0], normal(1), **PARAMETERS)
