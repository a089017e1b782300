import pytest
import torch
from support.files import png, write_official
from support.raw_files import write_lmdb, write_tfrecords
from support.toys import dataset_card, photo, write_photos

from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT
from stylenat.data.checklist import md5_file
from stylenat.data.manifest import read_manifest
from stylenat.data.resize import resize
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


def described(path, **changes):
    return {"path": path.name, "bytes": path.stat().st_size, "md5": md5_file(path)} | changes


def test_the_official_records_at_256_are_held_against_our_own_halving(tmp_path):
    """In small: records of 8 px in an order of their own, checked by the manifest of the set made by `tfrecord`."""
    raw, listing = write_official(tmp_path / "ffhq", 6, size=32)
    out = tmp_path / "own" / "manifest.json"
    prepare.run(dataset_card(6, 8, "tfrecord"), raw, out, listing)
    images = [resize(photo(number, 32), 8, "tfrecord") for number in (4, 1, 0, 5, 3, 2)]
    records = write_tfrecords(tmp_path / "ffhq-r03.tfrecords", images)
    source = {"kind": "files", "path": records.name, "archive": described(records)}
    card = dataset_card(6, 8, source=source)
    prepare.run_verify(card, records, tmp_path / "r" / "manifest.json", out)
    prepare.run(card, records, tmp_path / "r" / "manifest.json", out)
    assert read_manifest(tmp_path / "r" / "manifest.json").fingerprint == read_manifest(out).fingerprint
    write_tfrecords(records, [images[0] ^ 1, *images[1:]])
    with pytest.raises(InputError, match=r"r03\.tfrecords: its md5 is .*: it was altered"):
        prepare.run(card, records, tmp_path / "r" / "manifest.json", out)
    card = dataset_card(6, 8, source={**source, "archive": described(records)})
    with pytest.raises(InputError, match=r"2 faults in a set of 6 images \(1 missing, 1 surplus\)"):
        prepare.run_verify(card, records, tmp_path / "r" / "manifest.json", out)


def test_another_list_than_the_card_s_is_refused(tmp_path):
    raw, listing = write_official(tmp_path / "ffhq", 4)
    source = {"kind": "files", "path": "raw", "checklist": described(listing, md5="0" * 32)}
    with pytest.raises(InputError, match=r"ffhq-dataset-v2\.json: its md5 is .*, expected 0000"):
        prepare.run(dataset_card(4, 8, "box", source=source), raw, tmp_path / "m.json", listing)


def test_a_card_with_a_list_is_not_prepared_without_it(tmp_path):
    raw, listing = write_official(tmp_path / "ffhq", 4)
    card = dataset_card(4, 8, "box", source={"kind": "files", "path": "raw", "checklist": described(listing)})
    for run in (prepare.run, prepare.run_verify):
        with pytest.raises(InputError, match=r"'toyset': found no --checklist, expected ffhq-dataset-v2\.json"):
            run(card, raw, tmp_path / "set" / "m.json")
    assert not (tmp_path / "set").exists()
    prepare.run(card, raw, tmp_path / "set" / "m.json", listing)


def test_without_a_resize_the_images_of_the_set_s_own_size_are_taken(tmp_path):
    """A database may hold an image at several sizes."""
    values = {f"{side}-{number:05d}".encode(): png(photo(number, side)) for side in (8, 16) for number in range(3)}
    write_lmdb(tmp_path / "lmdb", values)
    for name, resize_filter in (("as it is", "none"), ("resized", "box")):
        prepare.run(dataset_card(3, 8, resize_filter), tmp_path / "lmdb", tmp_path / name / "m.json")
    pixels = open_prepared(tmp_path / "as it is" / "m.json").images_at([1])[0].numpy().transpose(1, 2, 0)
    assert (pixels == photo(1, 8)).all()
    pixels = open_prepared(tmp_path / "resized" / "m.json").images_at([1])[0].numpy().transpose(1, 2, 0)
    assert (pixels == resize(photo(1, 16), 8, "box")).all()


def test_the_demo_s_set_has_the_fingerprint_of_its_card(tmp_path):
    """On every machine: its crops, the decoder and the filter give one set of bytes."""
    card = Catalog(ROOT / "config").dataset("photographs-32")
    assert card.fingerprint is not None
    fetch.run_images(card, tmp_path / "raw")
    prepare.run(card, tmp_path / "raw", tmp_path / "set" / "manifest.json")
    assert read_manifest(tmp_path / "set" / "manifest.json").fingerprint == card.fingerprint
