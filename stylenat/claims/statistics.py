"""Means over seeds and what is built from them, each with its standard error and 95 % Student-t interval.

A single deterministic number (a parameter count) is exact: standard error 0, no interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from stylenat.core.errors import InputError

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; `exact` ones have none."""

    value: float
    se: float
    df: float  # degrees of freedom of the interval; infinite for an exact number
    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether the number carries no spread at all because it is deterministic."""
        return math.isinf(self.df)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval, or None for an exact number."""
        return None if self.exact else (self.low, self.high)


def t_quantile(df: float) -> float:
    """Half-width of a two-sided 95 % interval in standard errors."""
    return float(stdtrit(df, (1 + LEVEL) / 2))


def exact(value: float) -> Estimate:
    """A deterministic number."""
    return Estimate(value, 0.0, math.inf, value, value)


def sample_sd(values: Sequence[float]) -> float:
    """The standard deviation of a sample (divisor n - 1)."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of at least two independent draws; se = sd / sqrt(n), n - 1 degrees of freedom."""
    if len(values) < 2:
        raise InputError(f"an interval over seeds needs at least 2 values, found {len(values)}")
    mean = math.fsum(values) / len(values)
    return _around(mean, sample_sd(values) / math.sqrt(len(values)), len(values) - 1)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b of independent estimates; Welch's degrees of freedom."""
    df = _welch(a.se, a.df, b.se, b.df)
    return _around(a.value - b.value, math.hypot(a.se, b.se), df)


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """a / b of independent positive estimates; the interval is symmetric in the logarithm (delta method)."""
    if a.value <= 0 or b.value <= 0:
        raise InputError(f"a ratio needs two positive numbers, found {a.value} and {b.value}")
    value, relative_a, relative_b = a.value / b.value, a.se / a.value, b.se / b.value
    df = _welch(relative_a, a.df, relative_b, b.df)
    relative = math.hypot(relative_a, relative_b)
    if math.isinf(df):
        return exact(value)
    factor = math.exp(t_quantile(df) * relative)
    return Estimate(value, value * relative, df, value / factor, value * factor)


def _around(value: float, se: float, df: float) -> Estimate:
    half = 0.0 if math.isinf(df) else t_quantile(df) * se
    return Estimate(value, se, df, value - half, value + half)


def _welch(se_a: float, df_a: float, se_b: float, df_b: float) -> float:
    """Welch-Satterthwaite degrees of freedom; without any spread, the smaller of the two."""
    if se_a == 0 and se_b == 0:
        return min(df_a, df_b)
    whole = math.hypot(se_a, se_b)
    return 1 / ((se_a / whole) ** 4 / df_a + (se_b / whole) ** 4 / df_b)
