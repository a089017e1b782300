"""What foreign files say of their making: plain in the card, bounded whatever they nest."""

import argparse
import json

import numpy as np
import pytest
import torch

from stylenat.checkpoints.plain import plain, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2.5, 2.5),
        (np.float64(2.5), 2.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("a \ud800", "a \\ud800"),
        ([[1], (1, 2)], [[1], [1, 2]]),
        (torch.zeros(3), "Tensor"),
        ({1: {"a": np.int64(3)}, "b": {2}}, {"1": {"a": "int64"}, "b": "set"}),
        (argparse.Namespace(size=32, inner=argparse.Namespace(x=None)), {"size": 32, "inner": {"x": None}}),
        (list(range(5056)), "list of 5056"),
    ],
)
def test_what_is_no_plain_value_is_named_by_its_type(value, expected):
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False).encode("utf-8")


def test_a_value_that_holds_itself_ends():
    endless = {"list": []}
    endless["list"].append(endless)
    assert "dict" in json.dumps(plain(endless))


def test_lists_that_hold_one_list_many_times_do_not_unfold():
    laughs = ["ha"]
    for _ in range(6):
        laughs = 64 * [laughs]  # 64 ** 6 entries
    assert len(json.dumps(plain(laughs))) < 1e6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([10**5000], ["int"]),
        (-(2**63), -(2**63)),
        ({10**5000: 1}, {"int": 1}),
        ({(1, 2): 3, None: 4}, {"tuple": 3, "None": 4}),
        (dict.fromkeys(range(1001)), "dict of 1001"),
        ("x" * 10_001, "str of 10001"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_what_is_too_large_for_a_card_is_named_by_its_type(value, expected):
    assert plain(value) == expected
    json.dumps(plain(value))


def test_a_key_nested_beyond_recursion_is_named():
    key = ()
    for _ in range(5000):
        key = (key,)
    assert plain({key: 1}) == {"tuple": 1}


def test_what_the_caller_knows_is_unwrapped_at_every_depth():
    assert plain({"a": [2j]}, lambda value: value.imag if isinstance(value, complex) else value) == {"a": [2.0]}


def test_a_name_is_shown_in_one_line():
    assert shown("a.b") == "a.b"
    assert shown("a\nb\x1b[2J\ud800") == "a\\nb\\x1b[2J\\ud800"
    assert shown(300 * "x") == 100 * "x" + "..."
