"""Every metric module and every protocol card keep their contract."""

import importlib

import numpy as np
import pytest

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT
from stylenat.frechet.moments import moments_of
from stylenat.frechet.sample import Sample

CATALOG = Catalog(ROOT / "config")
METRICS = sorted(path.stem for path in ROOT.glob("stylenat/metrics/[a-z]*.py"))
PROTOCOLS = [CATALOG.protocol(name) for name in CATALOG.names("protocols")]


def load(name):
    return importlib.import_module(f"stylenat.metrics.{name}")


def distances():
    return [name for name in METRICS if load(name).NEEDS != "model" and load(name).DIRECTION == "lower"]


def measured(name, real_ND, fake_ND, **parameters):
    """A metric's value on features, in whatever form it takes them."""
    module = load(name)
    if module.NEEDS == "moments":
        real_ND, fake_ND = (Sample((moments_of(x_ND),), x_ND) for x_ND in (real_ND, fake_ND))
    return module.compute(real_ND, fake_ND, **parameters).value


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_declares_what_it_is(name):
    module = load(name)
    assert module.NEEDS in ("moments", "features", "model")
    assert module.DIRECTION in ("lower", "higher", "none")
    assert isinstance(module.UNIT, str)
    assert module.UNIT
    assert isinstance(module.VERSION, int)
    assert callable(module.compute)
    assert module.NEEDS != "model" or module.NEEDS_VALUES in (True, False)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_protocol_fits_its_metric(protocol):
    module = load(protocol.metric)
    assert protocol.needs == module.NEEDS
    assert set(protocol.parameters) <= module.PARAMETERS


@pytest.mark.parametrize("name", distances())
def test_identical_sets_are_at_the_floor_and_distance_grows(name):
    rng = np.random.default_rng(0)
    real = rng.standard_normal((600, 16)).astype(np.float32)
    parameters = {"subset_size": 200, "subsets": 20} if name == "kid" else {}

    def value(shift):
        return measured(name, real, real + np.float32(shift), **parameters)

    assert abs(value(0.0)) < (0.05 if name == "kid" else 1e-4)
    assert value(0.0) < value(0.5) < value(1.0)


@pytest.mark.parametrize("name", distances())
def test_the_order_of_the_images_does_not_matter(name):
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((2, 300, 8)).astype(np.float32)
    parameters = {"subset_size": 300, "subsets": 2} if name == "kid" else {}
    first = measured(name, real, fake, **parameters)
    second = measured(name, real[::-1].copy(), fake[rng.permutation(300)], **parameters)
    assert first == pytest.approx(second, rel=1e-4, abs=1e-6)
