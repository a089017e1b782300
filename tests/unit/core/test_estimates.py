import math

import numpy as np
import pytest
from scipy import stats

from stylenat.core.errors import InputError
from stylenat.core.estimates import (
    Estimate,
    difference,
    estimate_of,
    exact,
    mean_over_seeds,
    one_run,
    paired_difference,
    paired_ratio,
    ratio,
)
from stylenat.core.records import Measurement

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


def test_one_run_has_the_normals_interval_and_is_not_exact():
    found = one_run(2.05, 0.01, "influence function")
    low, high = stats.norm.interval(0.95, 2.05, 0.01)
    assert not found.exact
    assert found.interval == (pytest.approx(low), pytest.approx(high))
    assert found.basis == "of one run, standard error by influence function"
    jackknifed = one_run(2.05, 0.01, "jackknife", df=19)
    assert jackknifed.interval == tuple(pytest.approx(x) for x in stats.t.interval(0.95, 19, 2.05, 0.01))


@pytest.mark.parametrize("se", [0.0, -1.0, math.inf, math.nan])
def test_one_run_needs_a_positive_error(se):
    with pytest.raises(InputError, match="expected a positive number"):
        one_run(1.0, se, "jackknife")


def test_single_runs_and_means_combine():
    run, mean = one_run(2.0, 0.3, "jackknife"), mean_over_seeds(A)
    both = difference(run, one_run(1.0, 0.4, "jackknife"))
    assert (both.se, both.df) == (pytest.approx(0.5), math.inf)
    assert both.interval == tuple(pytest.approx(x) for x in stats.norm.interval(0.95, 1.0, 0.5))
    mixed = difference(run, mean)
    assert mixed.df == pytest.approx((run.se**2 + mean.se**2) ** 2 / (mean.se**4 / (len(A) - 1)))
    assert mixed.basis == "of one run, standard error by jackknife and over seeds"
    quotient = ratio(run, exact(4.0))
    assert quotient.low == pytest.approx(0.5 * math.exp(-1.959964 * 0.15))
    assert not quotient.exact


def test_paired_sessions_are_compared_within_each():
    a, b = [10.0, 15.0, 7.0, 12.5], [9.0, 13.4, 6.4, 11.0]
    found = paired_difference(a, b)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(np.subtract(a, b)))
    assert found.interval == (pytest.approx(expected.low), pytest.approx(expected.high))
    quotient = paired_ratio(a, b)
    logs = stats.ttest_rel(np.log(a), np.log(b)).confidence_interval(0.95)
    assert quotient.value == pytest.approx(stats.gmean(np.divide(a, b)))
    assert quotient.interval == (pytest.approx(math.exp(logs.low)), pytest.approx(math.exp(logs.high)))
    assert quotient.basis == "over 4 paired sessions"


def test_pairs_need_two_sessions_and_ratios_positive_numbers():
    with pytest.raises(InputError, match="at least 2 values, found 1"):
        paired_difference([1.0], [2.0])
    with pytest.raises(InputError, match=r"positive numbers, found -2\.0"):
        paired_ratio([1.0, 2.0], [3.0, -2.0])


def run_of(value, seed=0, error=None, method="influence function", **details):
    fields = {"standard_error": None if error is None else {"value": error, "method": method}, "details": details}
    fixed = {"protocol": "p", "protocol_version": 1, "metric": "fid", "metric_version": 1, "model": "m", "unit": "1"}
    more = {"direction": "lower", "comparable": True, "demo": False, "code": "c", "created": "now", "wall_seconds": 1}
    return Measurement.model_validate(fixed | more | fields | {"seed": seed, "status": "ok", "value": value})


def test_a_models_number_is_its_mean_or_one_run_with_its_own_error():
    assert estimate_of([run_of(x, i, error=9.0) for i, x in enumerate(A)]) == mean_over_seeds(A)
    assert estimate_of([run_of(2.0, error=0.1)]) == one_run(2.0, 0.1, "influence function")
    few = run_of(2.0, error=0.1, method="jackknife", fid_infinity={"value": 1.9, "groups": 20})
    assert estimate_of([few]) == one_run(2.0, 0.1, "jackknife", df=19)
    assert estimate_of([run_of(2.0)]) is None
    assert estimate_of([run_of(2.0, error=0.0)]) is None
    assert estimate_of([]) is None
