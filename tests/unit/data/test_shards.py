import hashlib
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from support.toys import dataset_card, photo, write_photos

from stylenat.core.errors import InputError
from stylenat.data import shards
from stylenat.data.manifest import fingerprint, read_manifest
from stylenat.data.prepare import write_prepared
from stylenat.data.resize import resize
from stylenat.data.sources import open_source
from stylenat.data.view import open_prepared

COUNT = 10


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_IMAGES", 4)


@pytest.fixture
def raw(tmp_path):
    return write_photos(tmp_path / "raw", COUNT)


def prepare(raw, out, count=COUNT, **card):
    card = {"resolution": 8, "resize_filter": "box"} | card
    return write_prepared(open_source(raw), dataset_card(count, **card), out)


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "shards").glob("*.npy")}


def test_pixels_order_and_md5s(raw, tmp_path):
    manifest = prepare(raw, tmp_path / "set" / "manifest.json")
    images = open_prepared(tmp_path / "set" / "manifest.json")
    assert len(images) == COUNT
    assert images.resolution == 8
    assert images.fingerprint == manifest.fingerprint
    assert [shard.count for shard in manifest.shards] == [4, 4, 2]
    expected = np.stack([resize(photo(index), 8, "box") for index in range(COUNT)]).transpose(0, 3, 1, 2)
    assert torch.equal(images.images_at(range(COUNT)), torch.from_numpy(expected.copy()))
    assert manifest.source_md5[3] == hashlib.md5(photo(3).tobytes()).hexdigest()
    assert manifest.pixel_md5[3] == hashlib.md5(resize(photo(3), 8, "box").tobytes()).hexdigest()
    assert manifest.names[3] == "003.png"


def test_a_lost_shard_is_made_again_and_the_others_are_kept(raw, tmp_path):
    out = tmp_path / "set" / "manifest.json"
    first = prepare(raw, out)
    before = times(tmp_path / "set")
    (tmp_path / "set" / "shards" / "shard-00001.npy").unlink()
    out.unlink()
    assert prepare(raw, out) == first
    after = times(tmp_path / "set")
    assert {name for name in after if after[name] == before[name]} == {"shard-00000.npy", "shard-00002.npy"}


@pytest.mark.parametrize("harm", ["truncate", "flip", "note"])
def test_a_torn_shard_is_made_again(raw, tmp_path, harm):
    out = tmp_path / "set" / "manifest.json"
    first = prepare(raw, out)
    path = tmp_path / "set" / "shards" / "shard-00001.npy"
    data = bytearray(path.read_bytes())
    if harm == "truncate":
        path.write_bytes(data[:-5])
    elif harm == "flip":
        data[-1] ^= 1
        path.write_bytes(data)
    else:
        path.with_suffix(".json").write_text('{"key": ')
    assert prepare(raw, out) == first
    assert open_prepared(out).images_at([7]).equal(torch.from_numpy(np.load(path)[3:4]))


def test_a_run_stopped_by_a_bad_image_goes_on_after_the_cure(raw, tmp_path):
    out = tmp_path / "set" / "manifest.json"
    clean = prepare(raw, tmp_path / "other" / "manifest.json")
    good = (raw / "006.png").read_bytes()
    (raw / "006.png").write_bytes(good[:60])
    with pytest.raises(InputError, match=r"006\.png: can't be decoded"):
        prepare(raw, out)
    assert not out.exists()
    assert sorted(times(tmp_path / "set")) == ["shard-00000.npy", "shard-00002.npy"]
    assert not list((tmp_path / "set" / "shards").glob(".*"))
    kept = times(tmp_path / "set")["shard-00000.npy"]
    (raw / "006.png").write_bytes(good)
    assert prepare(raw, out).fingerprint == clean.fingerprint
    assert times(tmp_path / "set")["shard-00000.npy"] == kept


def test_a_changed_image_changes_its_shard_and_the_fingerprint(raw, tmp_path):
    out = tmp_path / "set" / "manifest.json"
    first = prepare(raw, out)
    before = times(tmp_path / "set")
    Image.fromarray(photo(99)).save(raw / "009.png")
    second = prepare(raw, out)
    after = times(tmp_path / "set")
    assert {name for name in after if after[name] != before[name]} == {"shard-00002.npy"}
    assert second.fingerprint != first.fingerprint
    assert second.pixel_md5[:9] == first.pixel_md5[:9]


def test_resolution_and_filter_are_part_of_the_plan(raw, tmp_path):
    out = tmp_path / "set" / "manifest.json"
    box = prepare(raw, out)
    lanczos = prepare(raw, out, resize_filter="lanczos")
    assert lanczos.fingerprint != box.fingerprint
    assert lanczos.source_md5 == box.source_md5
    assert prepare(raw, out, resolution=4).resolution == 4
    assert prepare(raw, out) == box


def test_a_shorter_plan_leaves_no_old_shard(raw, tmp_path):
    out = tmp_path / "set" / "manifest.json"
    prepare(raw, out)
    (tmp_path / "set" / "shards" / ".shard-00001.npy.abc.tmp").write_bytes(b"left by a killed run")
    (tmp_path / "set" / ".manifest.json.abc.tmp").write_bytes(b"left by another")
    for index in range(4, COUNT):
        (raw / f"{index:03d}.png").unlink()
    prepare(raw, out, count=4)
    names = sorted(path.name for path in (tmp_path / "set" / "shards").iterdir())
    assert names == ["shard-00000.json", "shard-00000.npy"]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["manifest.json", "shards"]


def test_folder_and_zip_have_one_fingerprint(raw, tmp_path):
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for path in raw.iterdir():
            file.write(path, path.name)
    one = prepare(raw, tmp_path / "one" / "manifest.json")
    other = prepare(tmp_path / "raw.zip", tmp_path / "other" / "manifest.json")
    assert one == other


def test_a_filter_that_can_not_resize_names_the_image(raw, tmp_path):
    with pytest.raises(InputError, match=r"000\.png: found 16x16 px, expected 8x8"):
        prepare(raw, tmp_path / "manifest.json", resize_filter="none")


def test_an_edited_manifest_is_refused(raw, tmp_path):
    out = tmp_path / "manifest.json"
    prepare(raw, out)
    content = json.loads(out.read_text())
    content["pixel_md5"][0] = "0" * 32
    out.write_text(json.dumps(content))
    with pytest.raises(InputError, match="fingerprint does not belong"):
        read_manifest(out)
    content["names"].pop()
    out.write_text(json.dumps(content))
    with pytest.raises(InputError, match="count"):
        read_manifest(out)


def test_the_fingerprint_depends_on_order_pixels_and_resolution():
    found = {fingerprint(md5s, size) for md5s in (["a", "b"], ["b", "a"], ["a", "c"]) for size in (8, 16)}
    assert len(found) == 6
