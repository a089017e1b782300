import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.metrics._result import check_names
from stylenat.metrics._rows import first_rows, random_rows

TABLE = np.arange(40).reshape(20, 2)


def test_the_first_rows_are_the_first():
    assert np.array_equal(first_rows(TABLE, 3, "x"), TABLE[:3])
    with pytest.raises(InputError, match="x: found features of 20 images, expected at least 21"):
        first_rows(TABLE, 21, "x")


def test_a_random_subset_depends_on_its_seed_alone_and_repeats_no_row():
    chosen = random_rows(TABLE, 8, 0, "x")
    assert np.array_equal(chosen, random_rows(TABLE, 8, 0, "x"))
    assert not np.array_equal(chosen, random_rows(TABLE, 8, 1, "x"))
    assert not np.array_equal(chosen, TABLE[:8])
    assert len(np.unique(chosen[:, 0])) == 8
    assert np.array_equal(random_rows(TABLE, None, 0, "x"), TABLE)
    with pytest.raises(InputError, match="expected at least 21"):
        random_rows(TABLE, 21, 0, "x")


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(InputError, match="metric 'kid' has no parameter 'subset_sise'; did you mean 'subset_size'"):
        check_names("kid", {"subset_sise": 3}, frozenset({"subset_size", "subsets"}))
