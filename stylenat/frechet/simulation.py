"""Draws from a known distribution, to see what the estimators of a Fréchet distance and of its error are worth.

Shape suffixes: feature_ND features of N images, x_D and x_DD vectors and matrices over features, x_R over draws.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import stats

from stylenat.core.seeds import generator_at
from stylenat.core.simulated import CurvePoint, Draws, Estimator, Setup, Simulation
from stylenat.frechet.distance import frechet_distance
from stylenat.frechet.moments import Moments, merge, moments_of
from stylenat.frechet.rivals import bootstrap, regression_at_infinity
from stylenat.frechet.uncertainty import influence_standard_error, jackknife

LEVEL = 0.95
TAILS = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]  # percentiles


@dataclass(frozen=True)
class Population:
    """Features mean + mixing e, where the entries of e are independent Student t of unit variance."""

    mean_D: np.ndarray
    mixing_DD: np.ndarray
    freedom: float

    @property
    def moments(self) -> Moments:
        """Its mean and covariance themselves; the count, here 2, carries any two without loss."""
        return Moments(2, 2 * self.mean_D, self.mixing_DD @ self.mixing_DD.T + 2 * np.outer(self.mean_D, self.mean_D))

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Features (count, D) of so many images."""
        unit = np.sqrt((self.freedom - 2) / self.freedom)
        entry_ND = rng.standard_t(self.freedom, (count, len(self.mean_D))) * unit
        return self.mean_D + entry_ND @ self.mixing_DD.T


def populations(setup: Setup) -> tuple[Population, Population]:
    """Reals and fakes: a decaying spectrum in a random basis, and the same distorted and shifted."""
    rng = generator_at(setup.seed, "simulation population", 0)
    width = setup.width
    deviation_D = np.arange(1, width + 1.0) ** (-setup.decay / 2)
    basis_DD = np.linalg.qr(rng.standard_normal((width, width)))[0]
    mixing_DD = basis_DD * deviation_D
    distorted_DD = mixing_DD @ (np.eye(width) + setup.distortion * rng.standard_normal((width, width)) / np.sqrt(width))
    shift_D = setup.shift * mixing_DD @ rng.standard_normal(width)
    return (
        Population(np.zeros(width), mixing_DD, setup.freedom),
        Population(shift_D, distorted_DD, setup.freedom),
    )


def simulate(setup: Setup) -> Simulation:
    """Draw the fakes again and again, estimate on each draw, and count. The same setup gives the same numbers."""
    reals, fakes = populations(setup)
    real = moments_of(reals.draw(generator_at(setup.seed, "simulation reals", 0), setup.real_count))
    truth = frechet_distance(fakes.moments, real)
    rows = np.array([_estimates(setup, fakes, real, index) for index in range(setup.draws)])
    distance_R, error_R, infinite_R, infinite_error_R, line_R = rows.T
    expected = float(distance_R.mean())
    resampled_RB = np.array([_resampled(setup, fakes, real, index) for index in range(setup.bootstrap_draws)])
    influence_R2 = _intervals(distance_R, error_R, NormalDist().inv_cdf((1 + LEVEL) / 2))
    student = float(stats.t.ppf((1 + LEVEL) / 2, setup.groups - 1))
    percentile_R2 = np.percentile(resampled_RB, TAILS, axis=1).T
    shown = setup.bootstrap_draws
    return Simulation(
        setup=setup,
        truth=truth,
        expected=expected,
        influence=_estimator(expected, distance_R, error_R, influence_R2),
        bootstrap=_estimator(expected, resampled_RB.mean(axis=1), resampled_RB.std(axis=1, ddof=1), percentile_R2),
        jackknife=_estimator(truth, infinite_R, infinite_error_R, _intervals(infinite_R, infinite_error_R, student)),
        regression=_estimator(truth, line_R),
        bootstrap_holds_own=_share(percentile_R2, distance_R[:shown]),
        curve=_curve(setup, fakes, real, distance_R),
        draws=Draws(
            distance=distance_R[:shown].tolist(),
            influence=influence_R2[:shown].tolist(),
            bootstrap=percentile_R2.tolist(),
        ),
    )


def _draw(setup: Setup, fakes: Population, index: int, count: int) -> np.ndarray:
    return fakes.draw(generator_at(setup.seed, f"simulation fakes {count}", index), count)


def _estimates(setup: Setup, fakes: Population, real: Moments, index: int) -> tuple[float, ...]:
    """Of one draw: the distance and its error, the jackknife and its error, the regression."""
    fake_ND = _draw(setup, fakes, index, setup.count)
    parts = [moments_of(part_ND) for part_ND in np.split(fake_ND, setup.groups)]
    infinite = jackknife(parts, real)
    line = regression_at_infinity(fake_ND, real, setup.sizes, generator_at(setup.seed, "simulation regression", index))
    error = influence_standard_error(fake_ND, real)
    return frechet_distance(merge(parts), real), error, infinite.value, infinite.standard_error, line


def _resampled(setup: Setup, fakes: Population, real: Moments, index: int) -> np.ndarray:
    rng = generator_at(setup.seed, "simulation bootstrap", index)
    return bootstrap(_draw(setup, fakes, index, setup.count), real, setup.resamples, rng)


def _curve(setup: Setup, fakes: Population, real: Moments, distance_R: np.ndarray) -> list[CurvePoint]:
    """The mean distance at every number of fakes, that of the draws among them, in rising order."""
    found = {setup.count: distance_R}
    for count in setup.curve_counts:
        if count not in found:
            draws = (_draw(setup, fakes, index, count) for index in range(setup.curve_draws))
            found[count] = np.array([frechet_distance(moments_of(fake_ND), real) for fake_ND in draws])
    return [
        CurvePoint(
            count=count,
            mean=float(found[count].mean()),
            standard_error=float(found[count].std(ddof=1) / np.sqrt(len(found[count]))),
            draws=len(found[count]),
        )
        for count in sorted(found)
    ]


def _intervals(value_R: np.ndarray, error_R: np.ndarray, quantile: float) -> np.ndarray:
    return np.stack([value_R - quantile * error_R, value_R + quantile * error_R], axis=1)


def _share(interval_R2: np.ndarray, value: float | np.ndarray) -> float:
    return float(((interval_R2[:, 0] <= value) & (value <= interval_R2[:, 1])).mean())


def _estimator(
    target: float, value_R: np.ndarray, error_R: np.ndarray | None = None, interval_R2: np.ndarray | None = None
) -> Estimator:
    return Estimator(
        target=target,
        mean=float(value_R.mean()),
        deviation=float(value_R.std(ddof=1)),
        standard_error=None if error_R is None else float(error_R.mean()),
        coverage=None if interval_R2 is None else _share(interval_R2, target),
        draws=len(value_R),
    )
