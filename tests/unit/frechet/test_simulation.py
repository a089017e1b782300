"""What the error bars are worth, by draws of known truth; and that the simulation itself counts rightly."""

import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.core.seeds import generator_at
from stylenat.core.simulated import Setup
from stylenat.core.strict import parse
from stylenat.frechet.distance import frechet_distance
from stylenat.frechet.moments import moments_of
from stylenat.frechet.rivals import bootstrap, distances_of, regression_at_infinity
from stylenat.frechet.simulation import populations, simulate
from stylenat.frechet.uncertainty import influence_standard_error, jackknife

SETUP = Setup(
    width=16,
    count=400,
    real_count=560,
    decay=0.3,
    draws=1200,
    sizes=10,
    bootstrap_draws=60,
    resamples=100,
    curve_counts=[200, 800],
    curve_draws=300,
)
SMALL = Setup(
    width=4, count=100, real_count=150, draws=12, bootstrap_draws=12, resamples=40, curve_counts=[50], curve_draws=3
)


@pytest.fixture(scope="module")
def found():
    return simulate(SETUP)


@pytest.fixture(scope="module")
def small():
    return simulate(SMALL)


def real_of(setup):
    reals = populations(setup)[0]
    return moments_of(reals.draw(generator_at(setup.seed, "simulation reals", 0), setup.real_count))


def fake_of(setup, index, count):
    return populations(setup)[1].draw(generator_at(setup.seed, f"simulation fakes {count}", index), count)


def test_the_influence_interval_covers(found):
    """Of 1,200 draws a true 95 % has a standard deviation of 0.6 %: the bounds are three of those away."""
    assert 0.93 <= found.influence.coverage <= 0.97
    assert found.influence.standard_error == pytest.approx(found.influence.deviation, rel=0.1)
    assert found.influence.target == found.influence.mean == found.expected


def test_the_plain_bootstrap_misses(found):
    """It adds the bias once more: most intervals lie beside what they are for, and few hold even their own draw."""
    assert found.bootstrap.coverage < 0.5
    assert found.bootstrap_holds_own < 0.3
    assert found.bootstrap.mean - found.expected == pytest.approx(found.expected - found.truth, rel=0.2)


def test_the_jackknife_takes_the_bias_away(found):
    bias = found.expected - found.truth
    assert bias > 0.1 * found.truth
    assert abs(found.jackknife.mean - found.truth) < bias / 5
    assert found.jackknife.deviation < 1.1 * found.influence.deviation  # and costs nothing in spread
    assert found.jackknife.standard_error == pytest.approx(found.jackknife.deviation, rel=0.15)
    assert 0.93 <= found.jackknife.coverage <= 0.98
    assert found.jackknife.target == found.truth


def test_the_regression_takes_most_of_the_bias_away_and_spreads_wider(found):
    assert abs(found.regression.mean - found.truth) < 0.4 * (found.expected - found.truth)
    assert found.regression.deviation > 1.15 * found.jackknife.deviation
    assert found.regression.coverage is None


def test_the_bias_falls_with_the_number_of_fakes(found):
    assert [point.count for point in found.curve] == [200, 400, 800]
    assert [point.draws for point in found.curve] == [300, 1200, 300]
    scaled = [point.count * (point.mean - found.truth) for point in found.curve]
    assert scaled == pytest.approx([scaled[1]] * 3, rel=0.2)
    assert found.curve[1].mean == found.expected
    assert found.curve[1].standard_error == pytest.approx(found.influence.deviation / np.sqrt(1200))


def test_the_truth_is_what_very_many_fakes_give(found):
    many = fake_of(SETUP, 10**6, 400_000)
    assert frechet_distance(moments_of(many), real_of(SETUP)) == pytest.approx(found.truth, rel=0.01)


def test_a_population_has_the_moments_it_says_and_heavier_tails_than_a_gaussian():
    reals, fakes = populations(SETUP)
    for population in (reals, fakes):
        x = population.draw(np.random.default_rng(0), 200_000)
        assert np.allclose(x.mean(axis=0), population.moments.mean_D, atol=0.01)
        assert np.allclose(np.cov(x, rowvar=False), population.moments.covariance_DD, atol=0.02)
        entry = np.linalg.solve(population.mixing_DD, (x - population.mean_D).T)
        assert (entry**4).mean() == pytest.approx(3 + 6 / (SETUP.freedom - 4), rel=0.1)  # Student's own
    assert np.allclose(np.linalg.eigvalsh(reals.moments.covariance_DD)[::-1], np.arange(1, 17) ** -0.3)
    apart = np.linalg.solve(reals.mixing_DD, fakes.mean_D)
    assert np.linalg.norm(apart) == pytest.approx(SETUP.shift * 4, rel=0.5)  # sixteen normal deviates


def test_each_number_is_that_of_its_draw(small):
    real = real_of(SMALL)
    draws = [fake_of(SMALL, index, 100) for index in range(12)]
    distance = np.array([frechet_distance(moments_of(x), real) for x in draws])
    error = np.array([influence_standard_error(x, real) for x in draws])
    assert small.draws.distance == pytest.approx(distance.tolist())
    assert small.expected == pytest.approx(distance.mean())
    assert small.influence.deviation == pytest.approx(np.std(distance, ddof=1))
    assert np.array(small.draws.influence) == pytest.approx(distance[:, None] + np.outer(error, [-1.959964, 1.959964]))
    assert small.influence.coverage == pytest.approx((np.abs(distance - distance.mean()) <= 1.959964 * error).mean())
    low, high = np.array(small.draws.bootstrap).T
    assert small.bootstrap.coverage == pytest.approx(((low <= distance.mean()) & (distance.mean() <= high)).mean())
    assert small.bootstrap_holds_own == pytest.approx(((low <= distance) & (distance <= high)).mean())
    again = [bootstrap(x, real, 40, generator_at(0, "simulation bootstrap", i)) for i, x in enumerate(draws)]
    assert low == pytest.approx([np.quantile(one, 0.025) for one in again])
    assert high == pytest.approx([np.quantile(one, 0.975) for one in again])


def test_the_jackknife_s_interval_is_student_s():
    fields = {"draws": 300, "groups": 5, "bootstrap_draws": 2, "curve_draws": 2, "sizes": 2}
    setup = Setup.model_validate(SMALL.model_dump() | fields)
    found, real = simulate(setup), real_of(setup)
    draws = [np.split(fake_of(setup, index, 100), 5) for index in range(300)]
    infinite = [jackknife([moments_of(part) for part in parts], real) for parts in draws]
    held = [
        abs(one.value - found.truth) <= 2.776445 * one.standard_error for one in infinite
    ]  # four degrees of freedom
    assert found.jackknife.coverage == pytest.approx(np.mean(held))
    assert found.jackknife.mean == pytest.approx(np.mean([one.value for one in infinite]))


def test_the_same_setup_gives_the_same_bytes_and_another_seed_others(small):
    assert simulate(SMALL).model_dump_json() == small.model_dump_json()
    assert simulate(SMALL.model_copy(update={"seed": 1})).truth != small.truth


def test_distances_of_weighted_images_are_those_of_the_images_repeated():
    rng = np.random.default_rng(0)
    x, real = rng.standard_normal((30, 5)), moments_of(1.2 * rng.standard_normal((90, 5)) + 0.3)
    weight = rng.integers(0, 3, (4, 30))
    expected = [frechet_distance(moments_of(np.repeat(x, row, axis=0)), real) for row in weight]
    assert distances_of(weight.astype(float), x, real) == pytest.approx(expected, rel=1e-9)


def test_the_regression_over_two_sizes_is_the_line_through_two_points():
    rng = np.random.default_rng(0)
    x, real = rng.standard_normal((200, 5)), moments_of(rng.standard_normal((300, 5)))
    tenth = x[np.random.default_rng(7).permutation(200) < 20]
    few, all_of_them = (frechet_distance(moments_of(part), real) for part in (tenth, x))
    expected = (200 * all_of_them - 20 * few) / 180
    assert regression_at_infinity(x, real, 2, np.random.default_rng(7)) == pytest.approx(expected)


def test_the_bootstrap_is_that_of_images_drawn_with_repeats():
    rng = np.random.default_rng(0)
    x, real = rng.standard_normal((80, 4)), moments_of(1.5 * rng.standard_normal((300, 4)))
    drawn = [frechet_distance(moments_of(x[rng.integers(80, size=80)]), real) for _ in range(2000)]
    found = bootstrap(x, real, 2000, np.random.default_rng(1))
    assert found.shape == (2000,)
    assert found.mean() == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) * np.sqrt(2 / 2000))
    assert found.std() == pytest.approx(np.std(drawn), rel=0.1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 610}, "found 610 fakes in 20 groups, expected groups of one size"),
        ({"width": 590}, "expected more images than the 590 features, in every set"),
        ({"draws": 5}, "found 100 draws for the bootstrap of 5 in all"),
        ({"freedom": 4}, "setup: freedom: Input should be greater than 4 .*found 4"),
    ],
)
def test_a_setup_that_can_not_be_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        parse(fields, Setup, "setup")
