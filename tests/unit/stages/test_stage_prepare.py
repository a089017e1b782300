import pytest
import torch
from support.toys import dataset_card, write_photos

from stylenat.core.errors import InputError
from stylenat.data.manifest import read_manifest
from stylenat.data.view import open_prepared
from stylenat.stages import fetch, prepare


def test_photographs_are_prepared(tmp_path):
    card = dataset_card(5, 16, "lanczos", source={"kind": "photographs", "crops": 5, "crop_px": 64})
    fetch.run_images(card, tmp_path / "raw")
    prepare.run(card, tmp_path / "raw", tmp_path / "set" / "manifest.json")
    images = open_prepared(tmp_path / "set" / "manifest.json")
    assert images.images_at(range(5)).shape == (5, 3, 16, 16)
    manifest = read_manifest(tmp_path / "set" / "manifest.json")
    assert (manifest.dataset, manifest.resize_filter, manifest.count) == ("toyset", "lanczos", 5)


def test_a_second_run_changes_no_shard_and_no_byte_of_the_manifest(tmp_path):
    raw, out = write_photos(tmp_path / "raw", 4), tmp_path / "set" / "manifest.json"
    prepare.run(dataset_card(4, 16), raw, out)
    first, pixels = out.read_bytes(), open_prepared(out).images_at(range(4))
    shard = tmp_path / "set" / "shards" / "shard-00000.npy"
    stamp = shard.stat().st_mtime_ns
    prepare.run(dataset_card(4, 16), raw, out)
    assert out.read_bytes() == first
    assert shard.stat().st_mtime_ns == stamp
    assert torch.equal(open_prepared(out).images_at(range(4)), pixels)


@pytest.mark.parametrize("expected", [3, 5])
def test_too_few_and_too_many_images_are_refused(tmp_path, expected):
    raw = write_photos(tmp_path / "raw", 4)
    with pytest.raises(InputError, match=f"found 4 images in {raw}, expected {expected}"):
        prepare.run(dataset_card(expected, 16), raw, tmp_path / "manifest.json")
    assert not (tmp_path / "manifest.json").exists()


def test_a_corrupted_image_leaves_no_manifest(tmp_path):
    raw = write_photos(tmp_path / "raw", 4)
    (raw / "002.png").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"002\.png: can't be decoded"):
        prepare.run(dataset_card(4, 16), raw, tmp_path / "manifest.json")
    assert not (tmp_path / "manifest.json").exists()
