import math

import numpy as np
import pytest
from scipy import stats

from stylenat.claims.statistics import Estimate, difference, exact, mean_over_seeds, ratio
from stylenat.core.errors import InputError

A = [2.01, 2.05, 2.06, 2.03, 2.04]
B = [2.20, 2.18, 2.23]


def test_the_mean_has_the_students_t_interval():
    found = mean_over_seeds(A)
    low, high = stats.t.interval(0.95, len(A) - 1, np.mean(A), stats.sem(A))
    assert found.value == pytest.approx(np.mean(A))
    assert found.interval == (pytest.approx(low), pytest.approx(high))


def test_one_value_has_no_interval_over_seeds():
    with pytest.raises(InputError, match="at least 2"):
        mean_over_seeds([1.0])
    assert exact(1.0).interval is None


def test_the_difference_is_welchs():
    found = difference(mean_over_seeds(A), mean_over_seeds(B))
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    assert found.interval == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_an_exact_number_adds_no_spread():
    mean = mean_over_seeds(A)
    found = difference(mean, exact(2.0))
    assert (found.se, found.df) == (mean.se, mean.df)
    assert difference(exact(3.0), exact(1.0)) == exact(2.0)


def test_identical_seeds_give_an_interval_of_no_width():
    found = difference(mean_over_seeds([1.0, 1.0]), mean_over_seeds([2.0, 2.0, 2.0]))
    assert found.interval == (-1.0, -1.0)


def test_tiny_spreads_do_not_underflow():
    found = difference(Estimate(1, 1e-200, 3, 1, 1), Estimate(1, 1e-200, 3, 1, 1))
    assert found.df == pytest.approx(6)


def test_the_ratio_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.normal([30.0, 14.0], [1.0, 0.6], (2000, 5, 2))
    hits = 0
    for sample in draws:
        found = ratio(mean_over_seeds(sample[:, 0].tolist()), mean_over_seeds(sample[:, 1].tolist()))
        hits += found.low <= 30 / 14 <= found.high
    assert hits / len(draws) == pytest.approx(0.95, abs=0.015)


def test_a_ratio_of_exact_numbers_is_exact_and_needs_positive_ones():
    assert ratio(exact(3.0), exact(4.0)) == exact(0.75)
    assert math.isinf(ratio(exact(3.0), exact(4.0)).df)
    with pytest.raises(InputError, match="positive"):
        ratio(exact(1.0), exact(0.0))
