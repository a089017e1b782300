from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylenat.claims.arithmetic import compute_reading, evaluate, prints_as, round_half_up
from stylenat.core.claim_cards import Published, Reading
from stylenat.core.errors import InputError

NUMBERS = {"a": 2.19, "b": 2.046}


def test_a_formula_is_computed_exactly():
    assert evaluate("(a - b) / a * 100", NUMBERS) == Fraction(144, 2190) * 100
    assert evaluate("0.1 + 0.2", {}) == Fraction(3, 10)  # in binary it is not


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')",
        "a ** 9",
        "a if b else a",
        "a.real",
        "(lambda: a)()",
        "[a][0]",
        "a < b",
        "-a",
        "True",
        "'a'",
        "1j",
        "a // b",
        "a; b",
        "a +",
        "",
        "1e999",
        "(" * 150 + "a" + ")" * 40,
        "a" + "+a" * 200,
        "\0",
    ],
)
def test_anything_but_arithmetic_is_refused(formula):
    with pytest.raises(InputError):
        evaluate(formula, NUMBERS)


def test_an_unknown_letter_names_the_nearest():
    with pytest.raises(InputError, match="no input 'c'"):
        evaluate("a / c", NUMBERS)


def test_division_by_zero_is_a_users_mistake():
    with pytest.raises(InputError, match="divides by zero"):
        evaluate("a / (b - b)", NUMBERS)


def test_an_infinite_input_is_refused():
    with pytest.raises(InputError, match="finite"):
        evaluate("a", {"a": float("inf")})


@given(st.text(max_size=60))
def test_any_text_gives_a_fraction_or_an_input_error(text):
    try:
        value = evaluate(text, NUMBERS)
    except InputError:
        return
    assert isinstance(value, Fraction)


EXACT = {"a": Fraction("2.19"), "b": Fraction("2.046"), "c": Fraction(2), "d": Fraction(1, 2)}
FORMULAS = st.recursive(
    st.sampled_from(sorted(EXACT)),
    lambda part: st.tuples(part, st.sampled_from("+-*/"), part).map(lambda three: f"({''.join(three)})"),
    max_leaves=12,
)


@given(FORMULAS)
def test_every_arithmetic_formula_agrees_with_python(formula):
    try:
        expected = eval(formula, {}, EXACT)
    except ZeroDivisionError:
        with pytest.raises(InputError):
            evaluate(formula, {**NUMBERS, "c": 2.0, "d": 0.5})
        return
    assert evaluate(formula, {**NUMBERS, "c": 2.0, "d": 0.5}) == expected


@given(st.decimals(-1000, 1000, places=4), st.integers(0, 3))
def test_rounding_agrees_with_decimal_half_up(value, decimals):
    expected = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    assert round_half_up(Fraction(value), decimals) == Fraction(expected)


def test_a_half_goes_up_where_bankers_and_binary_rounding_go_down():
    assert prints_as(Fraction("6.45"), 6.5, 1)
    assert prints_as(Fraction("2.5"), 3, 0)
    assert not prints_as(Fraction("6.4499"), 6.5, 1)


def published(key):
    return Published(
        id="x", method="M", metric="FID", value={"p/a": 2.19, "p/b": 2.05}[key], unit="1", place="t", grade="A"
    )


def test_a_reading_holds_its_inputs_its_value_and_whether_it_fits():
    reading = Reading(name="r", formula="(a - b) / a * 100", inputs={"a": "p/a", "b": "p/b"}, text="why")
    result = compute_reading(reading, 6.4, 1, published)
    assert (result.inputs, result.fits, result.text) == ({"a": 2.19, "b": 2.05}, True, "why")
    assert result.value == pytest.approx(6.3927, abs=1e-4)
    assert not compute_reading(reading, 6.5, 1, published).fits


def test_a_number_too_large_to_write_is_refused():
    with pytest.raises(InputError, match="too large"):
        compute_reading(Reading(name="r", formula="1e300 * 1e300", inputs={}), 1, 0, published)
