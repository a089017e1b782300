import json

import pytest
from support.files import write_official
from support.toys import dataset_card

from stylenat.core.cards import RawFile
from stylenat.core.errors import InputError
from stylenat.data.checklist import check_file, md5_file, read_checklist
from stylenat.data.prepare import write_prepared
from stylenat.data.sources import open_source


def test_the_official_list_is_read(tmp_path):
    _, listing = write_official(tmp_path, 4, training=3)
    found = read_checklist(listing)
    assert [image.name for image in found.images] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert [image.category for image in found.images] == ["training"] * 3 + ["validation"]
    assert found.images[2].file_path == "images1024x1024/00000/00002.png"
    assert found.images[2].side_px == 16
    assert found.md5 == md5_file(listing)
    assert found.numbers[found.images[3].pixel_md5] == [3]


def test_a_manifest_is_a_list_too(tmp_path):
    raw, listing = write_official(tmp_path, 4)
    card = dataset_card(4, 8, "box")
    manifest = write_prepared(open_source(raw), card, tmp_path / "manifest.json", read_checklist(listing))
    found = read_checklist(tmp_path / "manifest.json")
    assert [image.pixel_md5 for image in found.images] == manifest.pixel_md5
    assert [image.name for image in found.images] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert {image.side_px for image in found.images} == {8}


def damaged(tmp_path, change):
    _, listing = write_official(tmp_path, 3)
    data = json.loads(listing.read_text())
    change(data)
    listing.write_text(json.dumps(data))
    return listing


DAMAGES = {
    "no pixel_md5": (lambda d: d["1"]["image"].pop("pixel_md5"), "image 1: found no 'pixel_md5'"),
    "no image": (lambda d: d["1"].pop("image"), "image 1: found no 'image'"),
    "a gap": (lambda d: d.pop("1"), "image 1: found no '1'"),
    "no md5": (lambda d: d["2"]["image"].update(pixel_md5="x"), "image 2: pixel_md5: String should match"),
    "a size that is none": (lambda d: d["0"]["image"].update(pixel_size=[16]), "image 0: not an entry of FFHQ's list"),
    "a size in words": (lambda d: d["0"]["image"].update(pixel_size=["a", "a"]), "image 0: side_px: "),
    "not square": (lambda d: d["0"]["image"].update(pixel_size=[16, 8]), "image 0: found 16x8 px, expected a square"),
    "a number for a path": (lambda d: d["0"]["image"].update(file_path=3), "image 0: not an entry of FFHQ's list"),
    "a list for an entry": (lambda d: d.update({"1": []}), "image 1: not an entry of FFHQ's list"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list_is_one_line_with_the_image(tmp_path, damage):
    change, message = DAMAGES[damage]
    with pytest.raises(InputError, match=f"ffhq-dataset-v2.json: {message}") as caught:
        read_checklist(damaged(tmp_path, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0": ', "not valid JSON"),
        ("<html>quota</html>", "not valid JSON"),
        ("[1]", "found neither FFHQ's list of images nor a manifest"),
        ("{}", "found neither FFHQ's list of images nor a manifest"),
        ('{"pixel_md5": []}', "Field required"),
        ("[" * 100000, "not valid JSON"),
        ("\xff\xfe", "not valid JSON"),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path, text, message):
    path = tmp_path / "list.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=f"list.json: .*{message}"):
        read_checklist(path)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json: can't be read \(No such file"):
        read_checklist(tmp_path / "nowhere.json")


def test_a_file_is_compared_with_its_card(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    card = {"path": "a.bin", "bytes": 10, "md5": md5_file(path), "url": "https://example.org/a"}
    check_file(path, RawFile(**card))
    with pytest.raises(InputError, match=r"found 10 bytes, expected 11: it is truncated \(https://example.org/a\)"):
        check_file(path, RawFile(**card | {"bytes": 11}))
    with pytest.raises(InputError, match="found 10 bytes, expected 9: it is another file"):
        check_file(path, RawFile(**card | {"bytes": 9}))
    path.write_bytes(b"012345678x")
    with pytest.raises(InputError, match=r"its md5 is .*, expected .*: it was altered"):
        check_file(path, RawFile(**card))
    with pytest.raises(InputError, match=r"gone\.bin: no such file, expected 10 bytes"):
        check_file(tmp_path / "gone.bin", RawFile(**card))
