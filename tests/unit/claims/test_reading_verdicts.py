import pytest
from support.judging import (
    claim,
    published,
)

from stylenat.claims.rules import judge
from stylenat.core.errors import InputError


def arithmetic(*keys, expected=6.4):
    readings = [{"name": key, "formula": "(a - b) / a * 100", "inputs": {"a": "p/a", "b": f"p/{key}"}} for key in keys]
    return claim("arithmetic", expected=expected, printed_decimals=1, unit="%", readings=readings)


def test_a_printed_figure_follows_from_the_reading_that_fits():
    found = judge(arithmetic("figure", "b"), {}, published)
    assert (found.status, found.measured) == ("reproduced", pytest.approx(6.3927, abs=1e-4))
    assert [reading.fits for reading in found.readings] == [False, True]
    assert "follows from published numbers: 'b' gives 6.393 %" in found.reason
    assert "do not give it: 'figure' gives 8.676 %" in found.reason
    assert "rests on" not in found.reason


def test_a_printed_figure_that_no_reading_gives_is_not_reproduced():
    found = judge(arithmetic("b", expected=7.0), {}, published)
    assert (found.status, found.measured) == ("not_reproduced", pytest.approx(6.3927, abs=1e-4))
    assert "No reading gives 7.0 %" in found.reason


def test_a_weak_source_under_the_fitting_reading_is_named():
    found = judge(arithmetic("weak"), {}, published)
    assert found.status == "reproduced"
    assert "rests on M's 2.05 u (FID; grade S: only in a weak secondary source)" in found.reason
    assert "rests on" not in judge(arithmetic("weak", "b"), {}, published).reason


def test_a_measured_claim_without_its_protocol_is_refused():
    with pytest.raises(InputError, match="without its protocol"):
        judge(claim("at_most", expected=1), {}, published)
