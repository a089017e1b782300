import os
import random
import re
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.raw_files import (
    bytes_feature,
    example,
    frame,
    head,
    ints_feature,
    masked_crc,
    pixel_example,
    sized,
    varint,
    write_tfrecords,
)
from support.toys import photo

from stylenat.core.errors import InputError
from stylenat.data.sources.example_proto import parse_example
from stylenat.data.sources.tfrecord import TFRecordSource

SHAPE = ints_feature(3, 8, 8)
DATA = bytes_feature(bytes(3 * 8 * 8))


def opened(tmp_path, *examples):
    """A source of a good record and then those given."""
    path = tmp_path / "a.tfrecords"
    path.write_bytes(b"".join(frame(data) for data in [pixel_example(photo(0, 8)), *examples]))
    return TFRecordSource(path, None)


@pytest.mark.parametrize("packed", [True, False])
def test_records_come_back_as_pixels_in_their_order(tmp_path, packed):
    images = [photo(index, 8) for index in range(5)]
    path = write_tfrecords(tmp_path / "faces.tfrecords", images, packed)
    source = TFRecordSource(path, 8)
    assert source.place == str(path)
    assert [entry.name for entry in source.entries] == [f"record-{number:06d}" for number in range(5)]
    for entry, image in zip(reversed(source.entries), reversed(images), strict=True):
        pixel_HWC = source.read(entry)
        assert pixel_HWC.dtype == np.uint8
        assert pixel_HWC.flags.c_contiguous
        assert np.array_equal(pixel_HWC, image)


@pytest.mark.parametrize(("side_px", "size"), [(4, 98), (8, 247), (256, 196_670), (1024, 3_145_795)])
def test_the_format_gives_the_sizes_of_the_published_files(tmp_path, side_px, size):
    """FFHQ's 70,000 records take 6,860,000 bytes at 4 px, 17,290,000 at 8, 13,766,900,000 and 220,205,650,000."""
    image = photo(0, side_px)
    path = write_tfrecords(tmp_path / "a.tfrecords", [image])
    assert path.stat().st_size == size
    source = TFRecordSource(path, side_px)
    assert np.array_equal(source.read(source.entries[0]), image)


def test_the_checksum_is_that_of_tensorflow(tmp_path):
    """The first record of every TensorBoard log begins with these bytes."""
    assert head(24) == bytes.fromhex("1800000000000000 a37f4b22")


def test_many_threads_read_at_once(tmp_path):
    images = [photo(index, 8) for index in range(64)]
    source = TFRecordSource(write_tfrecords(tmp_path / "a.tfrecords", images), None)
    with ThreadPoolExecutor(8) as executor:
        found = list(executor.map(source.read, source.entries * 4))
    assert all(np.array_equal(one, other) for one, other in zip(found, images * 4, strict=True))


def test_the_stamp_changes_with_the_file_and_the_record(tmp_path):
    path = write_tfrecords(tmp_path / "a.tfrecords", [photo(0, 8), photo(1, 8)])
    stamps = {entry.stamp for entry in TFRecordSource(path, None).entries}
    os.utime(path, ns=(1, 1))  # as when other pixels are written into the file
    stamps |= {entry.stamp for entry in TFRecordSource(path, None).entries}
    assert len(stamps) == 4
    write_tfrecords(path, [photo(0, 8), photo(1, 8), photo(2, 8)])
    os.utime(path, ns=(1, 1))
    stamps |= {entry.stamp for entry in TFRecordSource(path, None).entries}
    assert len(stamps) == 7


def test_the_size_is_picked_from_a_folder(tmp_path):
    for power in (2, 3, 4):
        write_tfrecords(tmp_path / f"faces-r{power:02d}.tfrecords", [photo(power, 1 << power)])
    (tmp_path / "faces-rxx.tfrecords").write_bytes(b"no size in the name")
    assert TFRecordSource(tmp_path, None).place == str(tmp_path / "faces-r04.tfrecords")
    source = TFRecordSource(tmp_path, 8)
    assert np.array_equal(source.read(source.entries[0]), photo(3, 8))
    with pytest.raises(InputError, match=f"^{tmp_path}: found files of 4, 8, 16 px, expected 32 px$"):
        TFRecordSource(tmp_path, 32)
    write_tfrecords(tmp_path / "cats-r03.tfrecords", [photo(0, 8)])
    with pytest.raises(InputError, match=r"found cats-r03\.tfrecords, faces-r03\.tfrecords, expected one file of 8 px"):
        TFRecordSource(tmp_path, 8)


def test_a_folder_without_sizes_and_a_missing_file_are_refused(tmp_path):
    write_tfrecords(tmp_path / "faces.tfrecords", [photo(0, 8)])
    with pytest.raises(InputError, match=f"^{tmp_path}: found no file named "):
        TFRecordSource(tmp_path, 8)
    with pytest.raises(InputError, match=r"none\.tfrecords: can't be read \(No such file or directory\)$"):
        TFRecordSource(tmp_path / "none.tfrecords", 8)


@pytest.mark.parametrize("name", ["a.tfrecords", "a-r04.tfrecords"])
def test_a_file_of_another_size_than_wanted_is_refused(tmp_path, name):
    path = write_tfrecords(tmp_path / name, [photo(0, 8)])
    with pytest.raises(InputError, match=f"^{path}: found images of 8 px, expected 16 px$"):
        TFRecordSource(path if name == "a.tfrecords" else tmp_path, 16)


@pytest.mark.parametrize("image", [photo(1, 16), photo(1, 8)[:, :4], photo(1, 8)[:4]])
def test_an_image_of_another_size_than_the_first_is_refused(tmp_path, image):
    source = opened(tmp_path, pixel_example(image))
    height, width = image.shape[:2]
    with pytest.raises(InputError, match=rf"a\.tfrecords/record-000001: found {width}x{height} px, expected 8x8$"):
        source.read(source.entries[1])


def test_a_wrong_checksum_of_the_data_is_found(tmp_path):
    path = write_tfrecords(tmp_path / "a.tfrecords", [photo(0, 8), photo(1, 8)])
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    source = TFRecordSource(path, None)
    assert np.array_equal(source.read(source.entries[0]), photo(0, 8))
    with pytest.raises(InputError, match=f"^{path}/record-000001: damaged: the checksum of the record's data is wrong"):
        source.read(source.entries[1])


def test_a_wrong_checksum_of_a_length_is_found(tmp_path):
    path = write_tfrecords(tmp_path / "a.tfrecords", [photo(0, 8), photo(1, 8)])
    data = bytearray(path.read_bytes())
    data[247] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="/record-000001: damaged: the checksum of the record's length is wrong"):
        TFRecordSource(path, None)


@pytest.mark.parametrize("missing", [1, 5, 200, 236, 240])
def test_a_truncated_file_names_the_record(tmp_path, missing):
    path = write_tfrecords(tmp_path / "a.tfrecords", [photo(0, 8), photo(1, 8)])
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(InputError, match=f"^{path}/record-000001: truncated: found "):
        TFRecordSource(path, None)


def test_a_file_cut_while_it_is_open_is_found(tmp_path):
    path = write_tfrecords(tmp_path / "a.tfrecords", [photo(0, 8), photo(1, 8)])
    source = TFRecordSource(path, None)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"^{path}/record-000001: truncated: found 234 bytes, expected 235$"):
        source.read(source.entries[1])


@pytest.mark.parametrize("length", [1 << 40, (1 << 64) - 1])
def test_a_huge_length_is_no_reason_to_read_it(tmp_path, length):
    path = tmp_path / "a.tfrecords"
    path.write_bytes(frame(pixel_example(photo(0, 8))) + head(length) + bytes(500))
    with pytest.raises(
        InputError, match=f"record-000001: truncated: found 759 bytes, expected at least {length + 263}"
    ):
        TFRecordSource(path, None)


def test_text_and_an_empty_file_are_refused(tmp_path):
    path = tmp_path / "a.tfrecords"
    path.write_text("<html>Quota exceeded</html>")
    with pytest.raises(InputError, match=f"^{path}/record-000000: not a TFRecord file"):
        TFRecordSource(path, None)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=f"^{path}: found an empty file"):
        TFRecordSource(path, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (example({"shape": SHAPE}), r"found the keys \['shape'\], expected 'shape' and 'data'"),
        (example({"data": DATA}), r"found the keys \['data'\], expected"),
        (example({"shape": SHAPE, "data": bytes_feature(bytes(191))}), r"found 191 bytes of pixels, expected 192 for"),
        (example({"shape": SHAPE, "data": bytes_feature(bytes(193))}), r"found 193 bytes of pixels, expected 192 for"),
        (example({"shape": SHAPE, "data": bytes_feature(bytes(192), b"")}), "found 2 values in 'data', expected one"),
        (example({"shape": SHAPE, "data": ints_feature(192)}), "found 1 values in 'data', expected one of bytes"),
        (example({"shape": ints_feature(3, 64), "data": DATA}), "found a 'shape' of 2 values"),
        (example({"shape": ints_feature(3, 8, 8, 1), "data": DATA}), "found a 'shape' of 4 values"),
        (example({"shape": ints_feature(3, -8, -8), "data": DATA}), "found a 'shape' of 3 values"),
        (example({"shape": ints_feature(3, 0, 8), "data": bytes_feature(b"")}), "found a 'shape' of 3 values"),
        (example({"shape": ints_feature(1, 8, 24), "data": DATA}), r"found a 'shape' of 3 values, \[1, 8, 24\]"),
        (example({"shape": bytes_feature(b"3", b"8", b"8"), "data": DATA}), "found a 'shape' of 3 values"),
        (example([("shape", SHAPE), ("data", DATA), ("data", DATA)]), "found the key 'data' twice"),
        (example({"shape": SHAPE, "data": DATA + DATA}), "found 2 lists of values for the key 'data'"),
        (example({"shape": SHAPE, "data": b""}), "found 0 lists of values for the key 'data'"),
        (example({"shape": SHAPE, "data": varint(1 << 3) + b"\1"}), "found a number for the key 'data'"),
        (example({"shape": sized(3, varint(1 << 3 | 5) + bytes(4)), "data": DATA}), "found wire type 5 in a list of"),
        (example({"shape": sized(3, sized(1, b"\x80")), "data": DATA}), "found an integer that is cut off"),
        (example({"shape": sized(3, sized(1, b"\xff" * 9 + b"\x02")), "data": DATA}), "more than 64 bits"),
        (pixel_example(photo(0, 8))[:-1], "ends 1 bytes after the message around it"),
        (sized(1, b"") * 2, "found 2 fields for 'features', expected one"),
        (b"", "found 0 fields for 'features', expected one"),
        (b"\x00\x01", "found field number 0"),
        (b"\x0b\x0c", "found wire type 3 in field 1"),
        (b"\x08\x01", "found wire type 0 in field 1, expected 2"),
        (b"\x09" + bytes(8), "found wire type 1 in field 1, expected 2"),
        (sized(1, sized(1, sized(1, b"\xff") + sized(2, DATA))), "found a key that isn't UTF-8 text"),
        (sized(1, sized(1, sized(2, DATA))), "found 0 fields for 'key', expected one"),
    ],
)
def test_a_strange_record_says_what_is_strange(tmp_path, data, message):
    source = opened(tmp_path, data)
    with pytest.raises(InputError, match=rf"a\.tfrecords/record-000001: .*{message}") as caught:
        source.read(source.entries[1])
    assert "\n" not in str(caught.value)


def test_unknown_fields_and_other_features_are_skipped():
    strange = varint(9 << 3) + varint(7) + varint(10 << 3 | 1) + bytes(8) + varint(11 << 3 | 5) + bytes(4)
    strange += sized(12, b"what")
    floats = sized(2, sized(1, struct.pack("<f", 0.5)))
    within = sized(3, strange + sized(1, varint(5)) + strange)
    pairs = {
        "i": strange + ints_feature(-2, 1 << 40),
        "w": within,
        "f": floats,
        "b": bytes_feature(b"x", b"") + strange,
    }
    features = parse_example(strange + example(pairs) + strange)
    assert features == {"i": [-2, 1 << 40], "w": [5], "f": [], "b": [b"x", b""]}


def test_random_damage_gives_an_input_error_or_the_right_pixels(tmp_path):
    path = tmp_path / "a.tfrecords"
    images = [photo(index, 4) for index in range(3)]
    whole = write_tfrecords(path, images).read_bytes()
    dice = random.Random(0)
    messages = []
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 1, 2, 8])):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data[: dice.choice([len(data), len(data), dice.randrange(len(data))])])
        try:
            source = TFRecordSource(path, None)
            found = [source.read(entry) for entry in source.entries]
        except InputError as error:
            messages.append(str(error))
        else:  # cut between two records, nothing shows that there were more
            assert all(np.array_equal(one, other) for one, other in zip(found, images, strict=False))
    assert len(messages) > 390
    assert all(re.fullmatch(rf"{path}(/record-00000\d)?: [^\n]+", message) for message in messages)


def test_damage_with_right_checksums_raises_nothing_else(tmp_path):
    whole = pixel_example(photo(0, 4))
    start = whole.index(photo(0, 4).transpose(2, 0, 1).tobytes())
    structure = [place for place in range(len(whole)) if not start <= place < start + 48]
    dice = random.Random(1)
    path = tmp_path / "a.tfrecords"
    messages = []
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 2, 8])):
            data[dice.choice(structure)] = dice.randrange(256)
        path.write_bytes(frame(bytes(data[: dice.choice([len(data), dice.randrange(len(data))])])))
        try:
            source = TFRecordSource(path, None)
            source.read(source.entries[0])
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 1300
    assert all(re.fullmatch(rf"{path}/record-000000: [^\n]+", message) for message in messages)


def test_the_foot_is_the_checksum_of_the_data_alone(tmp_path):
    """A record whose foot is of the wrong bytes is refused even at the end of the file."""
    data = pixel_example(photo(0, 8))
    path = tmp_path / "a.tfrecords"
    path.write_bytes(head(len(data)) + data + masked_crc(head(len(data)) + data))
    with pytest.raises(InputError, match="record-000000: damaged: the checksum of the record's data is wrong"):
        TFRecordSource(path, None)
