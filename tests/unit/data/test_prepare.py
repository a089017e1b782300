"""A set against the list of what it must be: order, faults, one report, one line."""

import json
import os
import shutil
import zipfile
from importlib.metadata import version

import numpy as np
import PIL
import pytest
from support.files import png, write_official
from support.toys import dataset_card, photo, write_photos

from stylenat.core.errors import InputError
from stylenat.core.seeds import subset
from stylenat.data import shards
from stylenat.data.arrange import IDENTITIES_FILE
from stylenat.data.checklist import read_checklist
from stylenat.data.faults import FAULTS_FILE
from stylenat.data.manifest import read_manifest
from stylenat.data.prepare import verify, write_prepared
from stylenat.data.sources import open_source
from stylenat.data.view import open_prepared

COUNT = 10


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_IMAGES", 4)


@pytest.fixture
def official(tmp_path):
    return write_official(tmp_path / "ffhq", COUNT, training=8)


def prepare(raw, listing, out, **card):
    card = {"resolution": 8, "resize_filter": "box"} | card
    return write_prepared(open_source(raw), dataset_card(COUNT, **card), out, read_checklist(listing))


def file_of(raw, number):
    return raw / "00000" / f"{number:05d}.png"


def faults_of(folder):
    rows = [line.split("\t") for line in (folder / FAULTS_FILE).read_text().splitlines()]
    return {(kind, name) for kind, name, _ in rows}


def refused(official, tmp_path, message):
    """Prepare, expect one line, and see that nothing that looks whole is left; gives the faults listed."""
    with pytest.raises(InputError, match=message) as caught:
        prepare(*official, tmp_path / "set" / "manifest.json")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "set" / "manifest.json").exists()
    return faults_of(tmp_path / "set")


def flat(raw, folder):
    folder.mkdir()
    for path in raw.rglob("*.png"):
        shutil.copy(path, folder)
    return folder


def zipped(raw, path, name="{:05d}.png"):
    with zipfile.ZipFile(path, "w") as file:
        for number in reversed(range(COUNT)):
            file.write(file_of(raw, number), name.format(number))
    return path


def test_nested_flat_zipped_and_nameless_sources_give_one_manifest(official, tmp_path):
    raw, listing = official
    nested = prepare(raw, listing, tmp_path / "a" / "manifest.json")
    assert nested.names == [f"{number:05d}.png" for number in range(COUNT)]
    assert nested.checklist == read_checklist(listing).md5
    others = [
        flat(raw, tmp_path / "flat"),
        zipped(raw, tmp_path / "b.zip"),
        zipped(raw, tmp_path / "c.zip", "x{:d}.png"),
    ]
    for number, other in enumerate(others):
        assert prepare(other, listing, tmp_path / f"set{number}" / "manifest.json") == nested


def test_names_that_say_nothing_are_matched_by_pixels_once(official, tmp_path, monkeypatch):
    raw, listing = official
    source = zipped(raw, tmp_path / "c.zip", "img{:08d}.png")
    first = prepare(source, listing, tmp_path / "set" / "manifest.json")
    (tmp_path / "set" / "manifest.json").unlink()

    def decode_nothing(*arguments):
        raise AssertionError("decoded again")

    monkeypatch.setattr("stylenat.data.examine.decode", decode_nothing)
    assert prepare(source, listing, tmp_path / "set" / "manifest.json") == first


def test_a_mirror_that_encoded_the_files_anew_passes(official, tmp_path):
    raw, listing = official
    before = prepare(raw, listing, tmp_path / "a" / "manifest.json")
    for number in range(COUNT):
        data = png(photo(number), compress_level=1)
        assert data != file_of(raw, number).read_bytes()
        file_of(raw, number).write_bytes(data)
    assert prepare(raw, listing, tmp_path / "b" / "manifest.json") == before


def test_all_that_is_wrong_is_listed_by_name_in_one_report(official, tmp_path):
    raw, _ = official
    file_of(raw, 1).unlink()
    file_of(raw, 2).write_bytes(file_of(raw, 2).read_bytes()[:300])
    file_of(raw, 3).write_bytes(png(photo(99)))
    file_of(raw, 4).write_bytes(png(photo(4, 32)))
    (raw / "cover.png").write_bytes(png(photo(50)))
    (raw / "00007.png").write_bytes(file_of(raw, 7).read_bytes())
    counted = r"6 faults in a set of 10 images \(2 altered, 1 missing, 2 surplus, 1 truncated\)"
    assert refused(official, tmp_path, rf"{counted}; all are listed in .*/faults\.tsv; the first: ") == {
        ("missing", "00001.png"),
        ("truncated", "00000/00002.png"),
        ("altered", "00000/00003.png"),
        ("altered", "00000/00004.png"),
        ("surplus", "cover.png"),
        ("surplus", "00007.png"),
    }


def test_a_cured_set_leaves_no_report_and_keeps_what_was_written(official, tmp_path):
    raw, listing = official
    good = file_of(raw, 9).read_bytes()
    file_of(raw, 9).write_bytes(good[:-40])
    assert refused(official, tmp_path, r"00009\.png: .*found \d+ bytes, the released file has \d+") == {
        ("truncated", "00000/00009.png")
    }
    kept = (tmp_path / "set" / "shards" / "shard-00000.npy").stat().st_mtime_ns
    file_of(raw, 9).write_bytes(good)
    prepare(raw, listing, tmp_path / "set" / "manifest.json")
    assert not (tmp_path / "set" / FAULTS_FILE).exists()
    assert (tmp_path / "set" / "shards" / "shard-00000.npy").stat().st_mtime_ns == kept


def test_two_images_under_each_other_s_names_are_altered(official, tmp_path):
    raw, _ = official
    one, other = file_of(raw, 3).read_bytes(), file_of(raw, 4).read_bytes()
    file_of(raw, 3).write_bytes(other)
    file_of(raw, 4).write_bytes(one)
    found = refused(official, tmp_path, r"2 faults in a set of 10 images \(2 altered\)")
    assert found == {("altered", "00000/00003.png"), ("altered", "00000/00004.png")}


def test_a_nameless_source_tells_faults_too(official, tmp_path):
    raw, listing = official
    file_of(raw, 5).write_bytes(png(photo(77)))
    file_of(raw, 6).write_bytes(file_of(raw, 2).read_bytes())
    source = zipped(raw, tmp_path / "c.zip", "x{:d}.png")
    with pytest.raises(InputError, match=r"4 faults in a set of 10 images \(2 missing, 2 surplus\)"):
        prepare(source, listing, tmp_path / "set" / "manifest.json")
    assert faults_of(tmp_path / "set") == {
        ("missing", "00005.png"),
        ("missing", "00006.png"),
        ("surplus", "x5.png"),
        ("surplus", "x6.png"),
    }


def test_verify_lists_the_same_and_writes_no_image(official, tmp_path):
    raw, listing = official
    file_of(raw, 2).write_bytes(b"<html>quota</html>")
    card = dataset_card(COUNT, 8, "box")
    with pytest.raises(InputError, match=r"00002\.png: can't be decoded: found an HTML page.*; found 18 bytes"):
        verify(open_source(raw), card, tmp_path / "set", read_checklist(listing), None)
    assert [path.name for path in (tmp_path / "set").iterdir()] == [FAULTS_FILE]
    file_of(raw, 2).write_bytes(png(photo(2)))
    verify(open_source(raw), card, tmp_path / "set", read_checklist(listing), None)
    assert list((tmp_path / "set").iterdir()) == []


def test_an_older_manifest_goes_with_the_shards_that_it_speaks_of(official, tmp_path):
    raw, listing = official
    out = tmp_path / "set" / "manifest.json"
    prepare(raw, listing, out)
    before = out.read_bytes()
    file_of(raw, 9).unlink()
    with pytest.raises(InputError, match=r"00009\.png .* is missing"):
        prepare(raw, listing, out, resize_filter="lanczos")
    assert not out.exists()
    file_of(raw, 9).write_bytes(png(photo(9)))
    prepare(raw, listing, out)
    assert out.read_bytes() == before


def test_without_a_list_the_same_pixels_twice_are_refused(tmp_path):
    raw = write_photos(tmp_path / "raw", COUNT)
    (raw / "008.png").write_bytes(png(photo(1), compress_level=1))
    with pytest.raises(InputError, match=r"008\.png: found the same pixels as in 001\.png"):
        write_prepared(open_source(raw), dataset_card(COUNT, 8, "box"), tmp_path / "set" / "manifest.json")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_with_a_list_that_says_so_the_same_pixels_twice_are_right(tmp_path):
    raw, listing = write_official(tmp_path, COUNT)
    entries = json.loads(listing.read_text())
    entries["8"]["image"]["pixel_md5"] = entries["1"]["image"]["pixel_md5"]
    listing.write_text(json.dumps(entries))
    file_of(raw, 8).write_bytes(file_of(raw, 1).read_bytes())
    named = prepare(raw, listing, tmp_path / "a" / "manifest.json")
    assert named.pixel_md5[8] == named.pixel_md5[1]
    assert prepare(zipped(raw, tmp_path / "x.zip", "x{:d}.png"), listing, tmp_path / "b" / "manifest.json") == named


@pytest.mark.parametrize("change", [-1, 1])
def test_a_list_of_another_length_is_refused(official, tmp_path, change):
    raw, listing = official
    with pytest.raises(InputError, match=f"lists 10 images, data set 'toyset' {COUNT + change}"):
        write_prepared(
            open_source(raw), dataset_card(COUNT + change, 8, "box"), tmp_path / "m", read_checklist(listing)
        )


def test_splits_and_subsets_stand_in_the_manifest(official, tmp_path):
    splits = {"training": (0, 8), "validation": (8, 10)}
    subsets = {"six": {"count": 6, "seed": 3}}
    prepare(*official, tmp_path / "manifest.json", splits=splits, subsets=subsets)
    images = open_prepared(tmp_path / "manifest.json")
    assert images.split("validation") == range(8, 10)
    assert images.subset("six") == subset(3, 6, COUNT).tolist()
    assert len(set(images.subset("six"))) == 6
    with pytest.raises(InputError, match="no subset 'sex'; did you mean 'six'"):
        images.subset("sex")
    with pytest.raises(InputError, match="no split 'train'; did you mean 'training'"):
        images.split("train")


def test_a_split_that_the_list_contradicts_is_refused(official, tmp_path):
    with pytest.raises(InputError, match="image 8 belongs to 'validation', data set 'toyset' puts it into 'training'"):
        prepare(*official, tmp_path / "manifest.json", splits={"training": (0, 9)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": {"all": (0, 11)}}, "split 'all' is 0 to 11, expected a range within 0 to 10"),
        ({"splits": {"all": (5, 5)}}, "split 'all' is 5 to 5"),
        ({"subsets": {"many": {"count": 11, "seed": 0}}}, "subset 'many' has 11 images, the set 10"),
    ],
)
def test_a_card_with_parts_outside_the_set_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataset_card(COUNT, 8, **change)


def test_the_fingerprint_of_the_card_is_demanded(official, tmp_path):
    found = prepare(*official, tmp_path / "a" / "manifest.json")
    prepare(*official, tmp_path / "b" / "manifest.json", fingerprint=found.fingerprint)
    with pytest.raises(InputError, match=f"its fingerprint is {found.fingerprint}, expected 0000"):
        prepare(*official, tmp_path / "c" / "manifest.json", fingerprint="0" * 64)
    assert not (tmp_path / "c" / "manifest.json").exists()


def test_a_set_too_large_for_the_disk_is_refused_before_any_work(official, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=COUNT * 3 * 64 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(InputError, match="found 0 MB free, expected 0 MB for the images of 'toyset'"):
        prepare(*official, tmp_path / "set" / "manifest.json")
    assert list((tmp_path / "set" / "shards").iterdir()) == []


def test_the_manifest_names_the_operator_s_library_and_the_decoder(official, tmp_path):
    found = prepare(*official, tmp_path / "manifest.json", resize_filter="lanczos")
    assert (found.resize_filter, found.library) == ("lanczos", f"pillow {PIL.__version__}")
    assert found.decoder == f"kornia-rs {version('kornia-rs')}, pillow {PIL.__version__}"
    assert read_manifest(tmp_path / "manifest.json") == found


def test_another_number_of_images_is_refused_without_a_list(tmp_path):
    raw = write_photos(tmp_path / "raw", 3)
    for expected in (2, 4):
        with pytest.raises(InputError, match=f"found 3 images in {raw}, expected {expected}"):
            write_prepared(open_source(raw), dataset_card(expected, 8, "box"), tmp_path / "m")


def test_any_number_of_workers_gives_the_same_bytes(official, tmp_path):
    raw, listing = official
    for workers in (1, 3):
        card = dataset_card(COUNT, 8, "lanczos")
        write_prepared(open_source(raw), card, tmp_path / str(workers) / "m.json", read_checklist(listing), workers)
    for path in (tmp_path / "1").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "3" / path.relative_to(tmp_path / "1")).read_bytes()


@pytest.mark.parametrize("resolution", [8, 12, 16])
def test_mirrored_images_are_mirrored_left_to_right(official, tmp_path, resolution):
    prepare(*official, tmp_path / "manifest.json", resolution=resolution, resize_filter="bicubic")
    images = open_prepared(tmp_path / "manifest.json")
    plain = images.images_at([3, 4, 5]).numpy()
    found = images.images_at([3, 4, 5], [True, False, True]).numpy()
    assert np.array_equal(found, np.stack([plain[0][:, :, ::-1], plain[1], plain[2][:, :, ::-1]]))
    with pytest.raises(ValueError, match="zip"):
        images.images_at([3, 4], [True])


def test_a_released_file_s_pixels_are_hashed_once_in_sixteen(official, tmp_path):
    """That holds the decoder: pixels that the release doesn't have are found although the file is the released one."""
    raw, listing = official
    entries = json.loads(listing.read_text())
    entries["3"]["image"]["pixel_md5"] = "0" + "1" * 31
    entries["4"]["image"]["pixel_md5"] = "2" * 32
    listing.write_text(json.dumps(entries))
    with pytest.raises(InputError, match=r"00003\.png: its pixels have md5 \w+, expected 0111"):
        prepare(raw, listing, tmp_path / "set" / "manifest.json")


def test_a_file_of_a_nameless_source_that_is_no_image_is_listed(official, tmp_path):
    raw, listing = official
    file_of(raw, 5).write_bytes(b"<html>quota</html>")
    source = zipped(raw, tmp_path / "c.zip", "x{:d}.png")
    with pytest.raises(InputError, match=r"2 faults in a set of 10 images \(1 missing, 1 unusable\)"):
        prepare(source, listing, tmp_path / "set" / "manifest.json")
    assert faults_of(tmp_path / "set") == {("missing", "00005.png"), ("unusable", "x5.png")}


def test_what_a_killed_run_knew_of_a_nameless_source_may_be_torn(official, tmp_path):
    raw, listing = official
    source = zipped(raw, tmp_path / "c.zip", "x{:d}.png")
    first = prepare(source, listing, tmp_path / "set" / "manifest.json")
    known = tmp_path / "set" / IDENTITIES_FILE
    known.write_bytes(known.read_bytes()[:-20])
    assert prepare(source, listing, tmp_path / "set" / "manifest.json") == first


def test_names_of_a_list_that_tell_nothing_apart_are_no_names(tmp_path):
    """Two folders with files of one name each, and the manifest of that set as the list of another source."""
    for folder in ("a", "b"):
        write_photos(tmp_path / "raw" / folder, 1 + (folder == "b"))
    (tmp_path / "raw/b/000.png").write_bytes(png(photo(7)))
    card = dataset_card(3, 16)
    first = write_prepared(open_source(tmp_path / "raw"), card, tmp_path / "one" / "m.json")
    assert first.names == ["a/000.png", "b/000.png", "b/001.png"]
    checklist = read_checklist(tmp_path / "one" / "m.json")
    second = write_prepared(open_source(tmp_path / "raw"), card, tmp_path / "two" / "m.json", checklist)
    assert second.fingerprint == first.fingerprint


@pytest.mark.parametrize("listed", [True, False])
def test_with_a_list_a_copy_of_the_files_keeps_the_shards(official, tmp_path, listed):
    """Without one, nothing but a file's size and time says that it is the same."""
    raw, listing = official
    out, card = tmp_path / "set" / "m.json", dataset_card(COUNT, 8, "box")
    checklist = read_checklist(listing) if listed else None
    write_prepared(open_source(raw), card, out, checklist)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "set/shards").glob("*.npy")}
    for path in raw.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    write_prepared(open_source(raw), card, out, checklist)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "set/shards").glob("*.npy")}
    assert (after == before) == listed
