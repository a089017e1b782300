import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.features.table import FeatureTable, read_table, write_table


def table(path):
    return FeatureTable(path, np.arange(12, dtype=np.float32).reshape(4, 3), "toydetector", "a" * 64, "b" * 64)


def test_round_trip_and_same_bytes(tmp_path):
    write_table(table(tmp_path / "one.npz"))
    write_table(table(tmp_path / "two.npz"))
    found = read_table(tmp_path / "one.npz", "toydetector")
    assert np.array_equal(found.feature_ND, table(None).feature_ND)
    assert (found.detector, found.weights_sha256, found.images) == ("toydetector", "a" * 64, "b" * 64)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_another_detector_s_features_are_refused(tmp_path):
    write_table(table(tmp_path / "one.npz"))
    with pytest.raises(InputError, match=r"one\.npz: features of detector 'toydetector', expected 'other'"):
        read_table(tmp_path / "one.npz", "other")


def test_unreadable_files_are_named(tmp_path):
    write_table(table(tmp_path / "whole.npz"))
    (tmp_path / "torn.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:100])
    np.savez(tmp_path / "poor.npz", features=np.zeros((2, 2)))
    np.save(tmp_path / "array.npz.npy", np.zeros(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    for name in ("torn", "poor", "missing", "array"):
        with pytest.raises(InputError, match=rf"{name}\.npz: not a readable file of features"):
            read_table(tmp_path / f"{name}.npz", "toydetector")
