import pickle

import numpy as np
import pytest
import torch
from support.toys import dataset_card, photo, write_photos

from stylenat.core.errors import InputError
from stylenat.data import shards
from stylenat.data.prepare import write_prepared
from stylenat.data.sources import open_source
from stylenat.data.view import open_prepared


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_IMAGES", 3)
    source = open_source(write_photos(tmp_path / "raw", 7))
    write_prepared(source, dataset_card(7, 16), tmp_path / "set" / "manifest.json")
    return tmp_path / "set" / "manifest.json"


def expected(indices):
    return torch.from_numpy(np.stack([photo(index).transpose(2, 0, 1) for index in indices]))


def test_images_come_in_the_order_asked_for_across_shards(manifest):
    images = open_prepared(manifest)
    indices = [6, 0, 3, 2, 3]
    found = images.images_at(indices)
    assert found.dtype == torch.uint8
    assert torch.equal(found, expected(indices))
    assert images.images_at([]).shape == (0, 3, 16, 16)
    assert images.names[:2] == ["000.png", "001.png"]


def test_the_tensor_is_the_caller_s_own(manifest):
    images = open_prepared(manifest)
    images.images_at([1]).zero_()
    assert torch.equal(images.images_at([1]), expected([1]))


@pytest.mark.parametrize("index", [-1, 7])
def test_an_index_outside_is_refused(manifest, index):
    with pytest.raises(IndexError, match=f"image {index} of a set of 7"):
        open_prepared(manifest).images_at([index])


def test_a_pickled_view_carries_no_pixels_and_still_reads(manifest):
    images = open_prepared(manifest)
    images.images_at(range(7))
    data = pickle.dumps(images)
    assert len(data) < 3 * 3 * 16 * 16 * 2
    assert torch.equal(pickle.loads(data).images_at([5]), expected([5]))


def test_missing_and_torn_shards_are_named(manifest):
    path = manifest.parent / "shards" / "shard-00001.npy"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(InputError, match=r"shard-00001\.npy: not a whole \.npy file"):
        open_prepared(manifest)
    path.unlink()
    with pytest.raises(InputError, match=r"shard-00001\.npy: this shard of a prepared set is missing"):
        open_prepared(manifest)


def test_a_shard_of_another_kind_is_named(manifest):
    path = manifest.parent / "shards" / "shard-00001.npy"
    np.save(path, np.zeros((3, 16, 16, 3), np.uint8))
    with pytest.raises(InputError, match=r"shard-00001\.npy: found uint8 \(3, 16, 16, 3\), expected"):
        open_prepared(manifest)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"manifest\.json: no such file"):
        open_prepared(tmp_path / "manifest.json")
