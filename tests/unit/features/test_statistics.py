import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from stylenat.core.errors import InputError
from stylenat.features.statistics import (
    ABOUT,
    Kept,
    key_of,
    make_shard,
    read_shard,
    shard_path,
    shard_ranges,
    write_shard,
)

BOTH = Kept(moments=True, features=True)
KEY = key_of({"images": "some"})
DEVICE = {"kind": "cpu", "name": "a machine"}


def table(count=7, width=5, seed=0):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


@pytest.mark.parametrize("kept", [BOTH, Kept(True, False), Kept(False, True)])
def test_what_is_kept_comes_back_to_the_bit(tmp_path, kept):
    write_shard(tmp_path / "s", KEY, make_shard(table(), kept, DEVICE))
    found = read_shard(tmp_path / "s", KEY)
    assert (found.kept, found.count, found.width, found.device) == (kept, 7, 5, DEVICE)
    x = table().astype(np.float64)
    if kept.features:
        assert np.array_equal(found.feature_ND, table())
    else:
        assert found.feature_ND is None
    moments = found.as_moments()
    assert moments.count == 7
    assert np.array_equal(moments.sum_D, x.sum(axis=0))
    assert np.array_equal(moments.outer_DD, moments.outer_DD.T)
    assert np.allclose(moments.outer_DD, x.T @ x, rtol=1e-14)


def test_the_same_statistics_are_the_same_bytes(tmp_path):
    for name in ("a", "b", "c"):
        write_shard(tmp_path / name, KEY, make_shard(table(), BOTH, dict(reversed(DEVICE.items()))))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_only_half_of_a_symmetric_matrix_is_stored(tmp_path):
    write_shard(tmp_path / "s", KEY, make_shard(table(), Kept(True, False), DEVICE))
    assert {name: tensor.size for name, tensor in load_file(tmp_path / "s").items()} == {"sum": 5, "outer": 15}


def test_a_shard_of_another_key_is_refused(tmp_path):
    write_shard(tmp_path / "s", KEY, make_shard(table(), BOTH, DEVICE))
    other = key_of({"images": "others"})
    with pytest.raises(InputError, match=f"holds the statistics of key {KEY}, expected {other}"):
        read_shard(tmp_path / "s", other)


def test_every_torn_or_foreign_file_is_refused_in_one_line(tmp_path):
    whole = tmp_path / "whole"
    write_shard(whole, KEY, make_shard(table(), BOTH, DEVICE))
    content = whole.read_bytes()
    about = json.dumps({"key": KEY, "count": 7, "width": 5, "device": {}})
    broken = {f"cut-{size}": content[:size] for size in (0, 5, 40, len(content) // 2, len(content) - 1)}
    for name, part in (broken | {"text": b"no tensors at all", "missing": None}).items():
        if part is not None:
            (tmp_path / name).write_bytes(part)
        with pytest.raises(InputError, match=f"{name}: not a readable file of statistics") as caught:
            read_shard(tmp_path / name, KEY)
        assert "\n" not in str(caught.value)
    save_file({"features": table(6)}, tmp_path / "short", {ABOUT: about})
    with pytest.raises(InputError, match=r"'features' has shape \(6, 5\), expected \(7, 5\)"):
        read_shard(tmp_path / "short", KEY)
    save_file({"more": table()}, tmp_path / "more", {ABOUT: about})
    with pytest.raises(InputError, match=r"'more' has shape \(7, 5\), expected None"):
        read_shard(tmp_path / "more", KEY)
    for name, said in (("silent", None), ("half", {ABOUT: '{"key": "x"}'}), ("list", {ABOUT: "[]"})):
        save_file({"features": table()}, tmp_path / name, said)
        with pytest.raises(InputError, match="not a readable file of statistics"):
            read_shard(tmp_path / name, KEY)


def test_a_feature_that_is_not_finite_is_no_statistic():
    wrong = table()
    wrong[3, 1] = np.nan
    with pytest.raises(InputError, match="features of image 3 are not finite"):
        make_shard(wrong, BOTH, DEVICE)


def test_ranges_cover_all_images_once():
    assert shard_ranges(10, 4) == [range(0, 4), range(4, 8), range(8, 10)]
    assert shard_ranges(8, 4) == [range(0, 4), range(4, 8)]
    assert [len(rows) for rows in shard_ranges(50_000)] == [2500] * 20


def test_a_path_names_key_and_images(tmp_path):
    names = {shard_path(tmp_path, key, *rows) for key in (KEY, key_of({})) for rows in ((0, 5), (5, 10), (0, 10))}
    assert len(names) == 6
    assert all(path.parent.parent == tmp_path for path in names)


@pytest.mark.parametrize("part", ["images", "detector", "code"])
def test_a_key_changes_with_everything_in_it(part):
    parts = {"images": {"seed": 0}, "detector": {"weights_sha256": "a"}, "code": "c"}
    assert key_of(parts) == key_of(dict(reversed(parts.items())))
    assert key_of(parts) != key_of(parts | {part: {"other": 1}})


def test_what_is_kept_adds_up():
    assert Kept(True, False) | Kept(False, True) == BOTH
    assert BOTH.covers(Kept(True, False))
    assert not Kept(True, False).covers(BOTH)
