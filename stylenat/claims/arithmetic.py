"""Printed percentages and factors, computed again from published numbers: exact, and without `eval`.

A formula holds numbers, the letters of its inputs, `+ - * /` and parentheses. All values are fractions made
from the printed decimal digits, so that 1 - 48.92 / 67.93 is not blurred by binary rounding before it is
rounded to the printed digits.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction

from stylenat.core.claim_cards import Published, Reading
from stylenat.core.errors import InputError, nearest
from stylenat.core.records import ReadingResult

LENGTH_LIMIT = 200  # characters; keeps both the syntax tree and the fractions small
OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def as_fraction(value: float) -> Fraction:
    """The decimal that a float was written as, exactly; infinity and NaN raise InputError."""
    try:
        return Fraction(repr(value))
    except ValueError:
        raise InputError(f"expected a finite number, found {value!r}") from None


def evaluate(formula: str, inputs: Mapping[str, float]) -> Fraction:
    """The exact value of a formula over named numbers.

    Raises:
        InputError: anything but numbers, known names, + - * / and parentheses; a division by zero.
    """
    if len(formula) > LENGTH_LIMIT:
        raise InputError(f"formula of {len(formula)} characters: at most {LENGTH_LIMIT} are allowed")
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise InputError(f"formula '{formula}' is not arithmetic: + - * /, parentheses, numbers and names") from None
    try:
        return _value(tree.body, inputs, formula)
    except ZeroDivisionError:
        raise InputError(f"formula '{formula}' divides by zero with {dict(inputs)}") from None


def _value(node: ast.expr, inputs: Mapping[str, float], formula: str) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = _value(node.left, inputs, formula), _value(node.right, inputs, formula)
        return OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return as_fraction(node.value)
    if isinstance(node, ast.Name):
        if node.id not in inputs:
            raise InputError(f"formula '{formula}': no input '{node.id}'; {nearest(node.id, inputs)}")
        return as_fraction(inputs[node.id])
    part = ast.unparse(node)
    raise InputError(f"formula '{formula}': '{part}' is not allowed; only numbers, names, + - * / and parentheses are")


def round_half_up(value: Fraction, decimals: int) -> Fraction:
    """The value to so many decimals, as people round: halves go away from zero."""
    scaled = abs(value) * 10**decimals
    rounded = Fraction((2 * scaled + 1).__floor__() // 2, 10**decimals)
    return rounded if value >= 0 else -rounded


def prints_as(value: Fraction, printed: float, decimals: int) -> bool:
    """Whether a value, rounded to so many decimals, gives the printed figure."""
    return round_half_up(value, decimals) == as_fraction(printed)


def compute_reading(
    reading: Reading, printed: float, decimals: int, published: Callable[[str], Published]
) -> ReadingResult:
    """Compute one reading of a printed figure and say whether it rounds to what is printed."""
    inputs = {letter: published(key).value for letter, key in reading.inputs.items()}
    exact = evaluate(reading.formula, inputs)
    try:
        value = float(exact)
    except OverflowError:
        raise InputError(f"formula '{reading.formula}' gives a number too large to write down") from None
    return ReadingResult(
        name=reading.name,
        formula=reading.formula,
        inputs=inputs,
        value=value,
        fits=prints_as(exact, printed, decimals),
        text=reading.text,
    )
