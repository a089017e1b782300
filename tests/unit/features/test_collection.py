import numpy as np
import pytest

from stylenat.core.errors import InputError
from stylenat.core.seeds import subset
from stylenat.features.collection import Collection, OfDetector, open_statistics, shard_file, write_collection
from stylenat.features.statistics import Kept, key_of, make_shard, shard_path, shard_ranges, write_shard
from stylenat.frechet.moments import moments_of

COUNT, SHARD, WIDTH = 23, 5, 4
KEY = key_of({"images": "some"})
BOTH = Kept(True, True)


def table():
    return np.random.default_rng(0).standard_normal((COUNT, WIDTH)).astype(np.float32)


def collect(root, kept=BOTH, name="manifest.json", count=COUNT):
    """The statistics of the table's rows in shards, and their manifest."""
    shards, out = [], root / "deep" / name
    for rows in shard_ranges(COUNT, SHARD):
        path = shard_path(root / "store", KEY, rows.start, rows.stop)
        write_shard(path, KEY, make_shard(table()[rows.start : rows.stop], kept, {"name": "a machine"}))
        shards.append(shard_file(out, path, len(rows)))
    detector = OfDetector(key=KEY, preprocessing="tensorflow", weights_sha256="a" * 64, shards=shards)
    images = {"kind": "prepared", "fingerprint": "f"}
    given = {"images": images, "count": count, "shard_images": SHARD, "devices": ["a machine"]}
    write_collection(out, Collection(**given, detectors={"toy": detector}))
    return out


def alike(sample, expected_ND):
    """Whether a sample is of these features, up to the order of sums."""
    found, expected = sample.whole, moments_of(expected_ND)
    return (
        found.count == expected.count
        and np.allclose(found.sum_D, expected.sum_D, rtol=1e-12)
        and np.allclose(found.outer_DD, expected.outer_DD, rtol=1e-12)
        and (sample.feature_ND is None or np.array_equal(sample.feature_ND, expected_ND))
    )


@pytest.mark.parametrize("count", [1, 4, 5, 6, 10, 22, 23])
def test_the_first_images_are_the_first(tmp_path, count):
    sample = open_statistics(collect(tmp_path), "toy").first(count)
    assert alike(sample, table()[:count])
    assert [part.count for part in sample.parts] == [SHARD] * (count // SHARD) + [count % SHARD] * bool(count % SHARD)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_drawn_subset_is_the_protocol_s_in_the_set_s_order(tmp_path, seed):
    sample = open_statistics(collect(tmp_path), "toy").drawn(9, seed)
    assert alike(sample, table()[np.sort(subset(seed, 9, COUNT))])


def test_no_count_draws_all(tmp_path):
    assert alike(open_statistics(collect(tmp_path), "toy").drawn(None, 0), table())


def test_moments_alone_serve_whole_shards(tmp_path):
    statistics = open_statistics(collect(tmp_path, Kept(True, False)), "toy")
    for count in (10, COUNT):
        sample = statistics.first(count)
        assert alike(sample, table()[:count])
        assert sample.feature_ND is None
    for take in (lambda: statistics.first(12), lambda: statistics.drawn(9, 0)):
        with pytest.raises(InputError, match=r"features were not kept, so that \d of the 5 images of a shard"):
            take()


def test_features_alone_serve_everything(tmp_path):
    statistics = open_statistics(collect(tmp_path, Kept(False, True)), "toy")
    assert alike(statistics.first(12), table()[:12])
    assert alike(statistics.drawn(9, 1), table()[np.sort(subset(1, 9, COUNT))])


def test_fewer_images_than_asked_for_are_an_error(tmp_path):
    statistics = open_statistics(collect(tmp_path), "toy")
    for take in (lambda: statistics.first(24), lambda: statistics.drawn(24, 0)):
        with pytest.raises(InputError, match=r"manifest\.json: found statistics of 23 images, expected at least 24"):
            take()


def test_a_manifest_may_move_with_its_folder(tmp_path):
    collect(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert alike(open_statistics(tmp_path / "after/deep/manifest.json", "toy").first(COUNT), table())


def test_a_changed_or_missing_shard_is_refused(tmp_path):
    path = collect(tmp_path)
    shards = sorted((tmp_path / "store").rglob("*.safetensors"))
    whole = shards[1].read_bytes()
    shards[1].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit
    shards[3].unlink()
    statistics = open_statistics(path, "toy")
    assert alike(statistics.first(5), table()[:5])
    with pytest.raises(InputError, match=r"0000005-0000010\.safetensors: sha256 is .*, expected .*; remove it"):
        statistics.first(10)
    shards[1].write_bytes(whole)
    with pytest.raises(InputError, match=r"store/\w+/0000015-0000020\.safetensors: can't be read \(No such file"):
        statistics.drawn(23, 0)


def test_shards_that_do_not_add_up_are_refused(tmp_path):
    with pytest.raises(InputError, match="shards of 23 images, expected 25"):
        open_statistics(collect(tmp_path, count=25), "toy")


def test_another_detector_is_not_found(tmp_path):
    with pytest.raises(InputError, match="no statistics of detector 'tyo'; did you mean 'toy'"):
        open_statistics(collect(tmp_path), "tyo")
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        open_statistics(tmp_path / "none.json", "toy")
