"""Numbers with their errors, and what is built from them: standard error and 95 % interval each.

A single deterministic number (a parameter count) is exact: standard error 0, no interval. Means over seeds and over
paired sessions have Student's t; one run whose standard error is known has its degrees of freedom, or the normal's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from stylenat.core.errors import InputError
from stylenat.core.records import Measurement

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; `exact` ones have none."""

    value: float
    se: float
    df: float  # degrees of freedom of the interval; infinite: the normal's
    low: float
    high: float
    basis: str = "over seeds"  # what the interval speaks of; it follows the word `interval` in a sentence

    @property
    def exact(self) -> bool:
        """Whether the number carries no spread at all because it is deterministic."""
        return math.isinf(self.df) and self.se == 0

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval, or None for an exact number."""
        return None if self.exact else (self.low, self.high)


def t_quantile(df: float) -> float:
    """Half-width of a two-sided 95 % interval in standard errors; the normal's for infinite `df`."""
    return float(stdtrit(df, (1 + LEVEL) / 2))


def exact(value: float) -> Estimate:
    """A deterministic number."""
    return Estimate(value, 0.0, math.inf, value, value)


def one_run(value: float, se: float, method: str, df: float = math.inf) -> Estimate:
    """The number of one run, with a standard error found within it; `method` says how.

    Raises:
        InputError: the standard error is not a positive number, so that the run would pass for an exact one.
    """
    if not 0 < se < math.inf:
        raise InputError(f"standard error of one run: found {se}, expected a positive number")
    return _around(value, se, df, f"of one run, standard error by {method}")


def estimate_of(records: Sequence[Measurement]) -> Estimate | None:
    """A model's number: the mean over seeds; of one run, its own standard error; None where neither is known.

    A jackknife of few groups has Student's t, an influence function of many images the normal distribution.
    """
    found = [record for record in records if record.value is not None]
    if len(found) > 1:
        return mean_over_seeds([record.value for record in found])
    error = found[0].standard_error if found else None
    if error is None or not 0 < error.value < math.inf:
        return None
    infinity = found[0].details.get("fid_infinity")
    groups = infinity.get("groups") if isinstance(infinity, dict) else None
    few = error.method == "jackknife" and isinstance(groups, int) and groups > 1
    return one_run(found[0].value, error.value, error.method, groups - 1 if few else math.inf)


def sample_sd(values: Sequence[float]) -> float:
    """The standard deviation of a sample (divisor n - 1)."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of at least two independent draws; se = sd / sqrt(n), n - 1 degrees of freedom."""
    return _mean(values, "over seeds")


def paired_difference(a: Sequence[float], b: Sequence[float]) -> Estimate:
    """The mean of a - b over sessions that measured both: what a session did to both cancels."""
    return _mean([x - y for x, y in zip(a, b, strict=True)], f"over {len(a)} paired sessions")


def paired_ratio(a: Sequence[float], b: Sequence[float]) -> Estimate:
    """The geometric mean of a / b over sessions that measured both; the interval is the logarithm's.

    Raises:
        InputError: there are fewer than two sessions, or a number is not positive.
    """
    if min(*a, *b) <= 0:
        raise InputError(f"a ratio needs positive numbers, found {min(*a, *b)}")
    log = _mean([math.log(x / y) for x, y in zip(a, b, strict=True)], f"over {len(a)} paired sessions")
    value = math.exp(log.value)
    return Estimate(value, value * log.se, log.df, math.exp(log.low), math.exp(log.high), log.basis)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b of independent estimates; Welch's degrees of freedom."""
    df = _welch(a.se, a.df, b.se, b.df)
    return _around(a.value - b.value, math.hypot(a.se, b.se), df, _basis(a, b))


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """a / b of independent positive estimates; the interval is symmetric in the logarithm (delta method)."""
    if a.value <= 0 or b.value <= 0:
        raise InputError(f"a ratio needs two positive numbers, found {a.value} and {b.value}")
    value, relative_a, relative_b = a.value / b.value, a.se / a.value, b.se / b.value
    if a.exact and b.exact:
        return exact(value)
    df = _welch(relative_a, a.df, relative_b, b.df)
    relative = math.hypot(relative_a, relative_b)
    factor = math.exp(t_quantile(df) * relative)
    return Estimate(value, value * relative, df, value / factor, value * factor, _basis(a, b))


def _mean(values: Sequence[float], basis: str) -> Estimate:
    if len(values) < 2:
        raise InputError(f"an interval {basis} needs at least 2 values, found {len(values)}")
    mean = math.fsum(values) / len(values)
    return _around(mean, sample_sd(values) / math.sqrt(len(values)), len(values) - 1, basis)


def _around(value: float, se: float, df: float, basis: str) -> Estimate:
    half = t_quantile(df) * se
    return Estimate(value, se, df, value - half, value + half, basis)


def _basis(a: Estimate, b: Estimate) -> str:
    """What an interval built from two speaks of; an exact number adds nothing to it."""
    spread = dict.fromkeys(item.basis for item in (a, b) if not item.exact)
    return " and ".join(spread) or a.basis


def _welch(se_a: float, df_a: float, se_b: float, df_b: float) -> float:
    """Welch-Satterthwaite degrees of freedom; without any spread, the smaller of the two."""
    if se_a == 0 and se_b == 0:
        return min(df_a, df_b)
    whole = math.hypot(se_a, se_b)
    share = (se_a / whole) ** 4 / df_a + (se_b / whole) ** 4 / df_b
    return 1 / share if share else math.inf
