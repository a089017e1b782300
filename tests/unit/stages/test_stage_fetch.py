import hashlib

import pytest
import torch
from PIL import Image
from support.bad_server import BadServer
from support.files import write_official
from support.toys import dataset_card, detector_card

from stylenat.core import supplied as weights_of
from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT
from stylenat.data.checklist import md5_file
from stylenat.data.manifest import read_manifest
from stylenat.stages import fetch, prepare

PHOTOGRAPHS = {"kind": "photographs", "crops": 6, "crop_px": 48}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_photographs_become_a_folder(tmp_path):
    fetch.run_images(dataset_card(6, 8, source=PHOTOGRAPHS), tmp_path / "deep" / "raw")
    assert names(tmp_path / "deep") == ["raw"]
    assert names(tmp_path / "deep" / "raw") == [f"{index:05d}.png" for index in range(6)]
    with Image.open(tmp_path / "deep" / "raw" / "00000.png") as image:
        assert (image.size, image.mode) == ((48, 48), "RGB")


def test_two_runs_give_the_same_bytes(tmp_path):
    card = dataset_card(6, 8, source=PHOTOGRAPHS)
    for name in ("one", "two"):
        fetch.run_images(card, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="crop_px is 999"):
        fetch.run_images(dataset_card(6, 8, source={**PHOTOGRAPHS, "crop_px": 999}), tmp_path / "raw")
    assert names(tmp_path) == []


def test_an_empty_folder_is_filled_and_a_full_one_is_refused(tmp_path):
    card = dataset_card(6, 8, source=PHOTOGRAPHS)
    (tmp_path / "raw").mkdir()
    fetch.run_images(card, tmp_path / "raw")
    with pytest.raises(InputError, match="holds files already"):
        fetch.run_images(card, tmp_path / "raw")


def test_the_user_s_own_images_are_not_fetched(tmp_path):
    with pytest.raises(InputError, match="'toyset' takes its images from raw: nothing says where to fetch them"):
        fetch.run_images(dataset_card(6, 8), tmp_path / "raw")


def test_random_weights_are_the_same_bytes_each_time(tmp_path):
    for name in ("one.pth", "two.pth"):
        fetch.run_weights(detector_card(), tmp_path / "none", tmp_path / name)
    assert (tmp_path / "one.pth").read_bytes() == (tmp_path / "two.pth").read_bytes()
    assert len(torch.load(tmp_path / "one.pth", weights_only=True)) == 566


def supplied(sha256=None, url="https://example.org/w"):
    weights = {"file": "w.pth", "url": url} | ({"sha256": sha256} if sha256 else {})
    return detector_card(weights=weights, comparable=True, reason="")


def test_a_missing_file_is_one_line_that_says_what_to_put_where(tmp_path):
    with pytest.raises(InputError) as caught:
        fetch.run_weights(supplied("a" * 64), tmp_path / "weights", tmp_path / "out.pth")
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / "weights" / "w.pth"), "toydetector", "a" * 64, "https://example.org/w"):
        assert part in message


def test_a_supplied_file_is_checked_and_copied(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"weights")
    fetch.run_weights(supplied(hashlib.sha256(b"weights").hexdigest()), tmp_path, tmp_path / "out" / "d.pth")
    assert (tmp_path / "out" / "d.pth").read_bytes() == b"weights"
    fetch.run_weights(supplied(), tmp_path, tmp_path / "e.pth")
    with pytest.raises(InputError, match=r"w\.pth: sha256 is [0-9a-f]{64}, expected b{64}"):
        fetch.run_weights(supplied("b" * 64), tmp_path, tmp_path / "f.pth")
    assert not (tmp_path / "f.pth").exists()


def test_the_first_digits_of_a_sha256_are_checked_too(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"weights")
    digits = hashlib.sha256(b"weights").hexdigest()[:8]
    fetch.run_weights(supplied(digits), tmp_path, tmp_path / "d.pth")
    wrong = digits[:7] + ("0" if digits[7] != "0" else "1")
    with pytest.raises(InputError, match=rf"w\.pth: sha256 is [0-9a-f]{{64}}, expected {wrong}\.\.\."):
        fetch.run_weights(supplied(wrong), tmp_path, tmp_path / "e.pth")
    with pytest.raises(InputError, match=rf"nowhere/w\.pth: no such file; .* sha256 {wrong}\.\.\. "):
        fetch.run_weights(supplied(wrong), tmp_path / "nowhere", tmp_path / "e.pth")


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_of_another_name_is_found_by_its_sha256_and_named(tmp_path, capsys, digits):
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, content in (("a.pth", b"other"), ("mine.pt", b"weights"), ("notes.txt", b"weights")):
        (folder / name).write_bytes(content)
    card = supplied(hashlib.sha256(b"weights").hexdigest()[:digits])
    fetch.run_weights(card, folder, tmp_path / "d.pth")
    assert (tmp_path / "d.pth").read_bytes() == b"weights"
    assert f"{folder / 'mine.pt'}: taken for w.pth" in capsys.readouterr().err
    (folder / "mine.pt").unlink()
    with pytest.raises(InputError, match=r"w\.pth: no such file"):  # a text file is no candidate
        fetch.run_weights(card, folder, tmp_path / "e.pth")


def test_few_and_small_files_are_hashed_in_search_of_a_name(tmp_path, monkeypatch):
    for number in range(weights_of.MOST_HASHED + 5):
        (tmp_path / f"{number:03d}.pth").write_bytes(b"other")
    with open(tmp_path / "000.pth", "wb") as huge:
        huge.truncate(weights_of.LARGEST_HASHED_BYTES + 1)  # no space is used
    hashed = []
    monkeypatch.setattr(weights_of, "sha256_file", lambda path: hashed.append(path.name) or "0" * 64)
    with pytest.raises(InputError, match=r"w\.pth: no such file"):
        fetch.run_weights(supplied("a" * 64), tmp_path, tmp_path / "out" / "d.pth")
    assert hashed == [f"{number:03d}.pth" for number in range(1, weights_of.MOST_HASHED + 1)]
    with pytest.raises(InputError, match=r"w\.pth: no such file"):
        fetch.run_weights(supplied(), tmp_path, tmp_path / "out" / "d.pth")
    assert len(hashed) == weights_of.MOST_HASHED


def test_every_card_of_a_supplied_file_knows_its_sha256_and_its_address():
    catalog = Catalog(ROOT / "config")
    for name in catalog.names("detectors"):
        weights = catalog.detector(name).weights
        if weights.file is not None:
            assert len(weights.sha256) == 64
            assert weights.url.endswith(weights.file)
            digits = weights.file.removesuffix(".pth").rpartition("-")[2]
            assert weights.sha256.startswith(digits) or digits == weights.file.removesuffix(".pth")


@pytest.fixture
def host(tmp_path):
    """A host that serves a set as FFHQ is released, and the card of that set."""
    with BadServer({}) as server:
        raw, listing = write_official(tmp_path / "host", 4, url=server.url(""))
        for number in range(4):
            server.files[str(number)] = (raw / "00000" / f"{number:05d}.png").read_bytes()
        server.files["list"] = listing.read_bytes()
        described = {"path": "ffhq/ffhq-dataset-v2.json", "bytes": listing.stat().st_size, "md5": md5_file(listing)}
        source = {"kind": "files", "path": "ffhq/images1024x1024", "checklist": described | {"url": server.url("list")}}
        yield server, dataset_card(4, 8, "box", source=source)


def test_a_released_set_is_downloaded_and_prepared(host, tmp_path):
    server, card = host
    fetch.run_images(card, tmp_path / "data")
    listing = tmp_path / "data/ffhq/ffhq-dataset-v2.json"
    raw = tmp_path / "data/ffhq/images1024x1024"
    prepare.run(card, raw, tmp_path / "set/manifest.json", listing)
    assert read_manifest(tmp_path / "set/manifest.json").names == [f"{number:05d}.png" for number in range(4)]
    asked = len(server.asked)
    fetch.run_images(card, tmp_path / "data")
    assert len(server.asked) == asked


def test_a_list_that_names_files_elsewhere_is_refused(host, tmp_path):
    _, card = host
    source = card.source.model_dump() | {"path": "ffhq/thumbnails128x128"}
    with pytest.raises(InputError, match=r"image 00000\.png: found the path ffhq/images1024x1024/00000/00000\.png"):
        fetch.run_images(dataset_card(4, 8, source=source), tmp_path / "data")


def test_an_archive_is_downloaded_as_one_file(host, tmp_path):
    server, _ = host
    server.files["archive"] = b"records" * 100
    (tmp_path / "archive").write_bytes(server.files["archive"])
    described = {
        "path": "toy.tfrecords",
        "bytes": 700,
        "md5": md5_file(tmp_path / "archive"),
        "url": server.url("archive"),
    }
    source = {"kind": "files", "path": "toy.tfrecords", "archive": described}
    fetch.run_images(dataset_card(4, 8, source=source), tmp_path / "data")
    assert (tmp_path / "data/toy.tfrecords").read_bytes() == server.files["archive"]
    assert len(server.asked) == 1
