"""Fréchet distance of two sets of features; with a 2015-12-05 Inception-v3's 2048 it is the FID (arXiv 1706.08500).

Covariances divide by N - 1. Its standard error comes from this one run; without the bias of a finite number of fakes it
is the FID-infinity (arXiv 1911.07023), here by the jackknife. Shape suffixes: feature_ND features of N images.
"""

from dataclasses import asdict

from stylenat.core.errors import InputError
from stylenat.core.records import StandardError
from stylenat.frechet.distance import frechet_distance, frechet_distance_of_few
from stylenat.frechet.moments import Moments, moments_of
from stylenat.frechet.sample import Sample, groups_of
from stylenat.frechet.uncertainty import LEAST_GROUPS, Jackknife, influence_standard_error, jackknife
from stylenat.metrics._result import MIN_IMAGES, Result

NEEDS = "moments"
UNIT = "1"
DIRECTION = "lower"
VERSION = 2  # 1 took torch-fidelity's distance, which is the same to 1e-9 where images outnumber features
PARAMETERS: frozenset[str] = frozenset()


def compute(real: Sample, fake: Sample) -> Result:
    """The distance of the fakes from the reals, with its standard error and its value at infinitely many fakes.

    Raises:
        InputError: a set has fewer than two images, or widths differ.
    """
    _check(real, fake)
    value, route = _distance(real, fake)
    difference_D = fake.whole.mean_D - real.whole.mean_D
    groups = _groups(fake)
    left_out = _jackknife(real, groups)
    error = _error(real, fake, left_out)
    details = {
        "real_count": real.count,
        "fake_count": fake.count,
        "feature_width": real.width,
        "mean_term": float(difference_D @ difference_D),
        "covariance_full_rank": min(real.count, fake.count) > real.width,
        "route": route,
        "fid_infinity": None if left_out is None else asdict(left_out) | {"groups": len(groups)},
    }
    if error is None:
        details["why_no_standard_error"] = "neither features of more images than their width, nor groups to leave out"
    return Result(value, details, standard_error=error)


def _check(real: Sample, fake: Sample) -> None:
    for name, sample in (("real", real), ("fake", fake)):
        if sample.count < MIN_IMAGES:
            raise InputError(f"metric 'fid': found {sample.count} {name} images, expected at least {MIN_IMAGES}")
    if real.width != fake.width:
        raise InputError(f"metric 'fid': found {real.width} real and {fake.width} fake features")


def _distance(real: Sample, fake: Sample) -> tuple[float, str]:
    """The distance and the way it was taken; of few images from their features, where they are at hand."""
    few = min(real.count, fake.count) <= real.width
    if few and real.feature_ND is not None and fake.feature_ND is not None:
        return frechet_distance_of_few(real.feature_ND, fake.feature_ND), "nuclear norm of features"
    return frechet_distance(real.whole, fake.whole), "eigenvalues of moments"


def _error(real: Sample, fake: Sample, left_out: Jackknife | None) -> StandardError | None:
    """By the influence function from features, else by the jackknife from parts."""
    if fake.feature_ND is not None and fake.count > fake.width:
        try:
            value = influence_standard_error(fake.feature_ND, real.whole)
            return StandardError(value=value, method="influence function")
        except InputError:  # images that repeat, or a constant feature: the covariance has no inverse
            pass
    return None if left_out is None else StandardError(value=left_out.standard_error, method="jackknife")


def _jackknife(real: Sample, groups: tuple[Moments, ...]) -> Jackknife | None:
    """None where a group left out would leave too few images for a covariance of full rank."""
    left = sum(group.count for group in groups[1:])
    if len(groups) < LEAST_GROUPS or min(left, real.count) <= real.width:
        return None
    return jackknife(groups, real.whole)


def _groups(fake: Sample) -> tuple[Moments, ...]:
    """Groups of one size: the parts of a large sample, else equal blocks of its features."""
    alike = len({part.count for part in fake.parts}) == 1
    if fake.feature_ND is None:
        return fake.parts if alike else ()
    if alike and len(fake.parts) >= LEAST_GROUPS:
        return fake.parts
    size = fake.count // groups_of(fake.count)
    return tuple(moments_of(fake.feature_ND[start : start + size]) for start in range(0, fake.count, size))
