"""Writers of the files in which raw images are published: TFRecords, LMDB, parquet."""

import struct

import google_crc32c
import lmdb
import pyarrow as pa
import pyarrow.parquet as pq


def varint(value):
    """An integer as protobuf writes it; negative ones as two's complement of 64 bits."""
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def sized(number, content):
    """A protobuf field with bytes in it."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def bytes_feature(*values):
    return sized(1, b"".join(sized(1, value) for value in values))


def ints_feature(*values, packed=True):
    numbers = [varint(value) for value in values]
    return sized(3, sized(1, b"".join(numbers)) if packed else b"".join(varint(8) + number for number in numbers))


def example(features):
    """A tf.train.Example of encoded features by key; pairs may repeat a key."""
    pairs = features.items() if isinstance(features, dict) else features
    return sized(1, b"".join(sized(1, sized(1, key.encode()) + sized(2, value)) for key, value in pairs))


def pixel_example(pixel_HWC, packed=True):
    """The Example that FFHQ's records have."""
    height, width, channels = pixel_HWC.shape
    shape = ints_feature(channels, height, width, packed=packed)
    return example({"data": bytes_feature(pixel_HWC.transpose(2, 0, 1).tobytes()), "shape": shape})


def masked_crc(data):
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32)


def head(length):
    """The beginning of a record: length and its checksum."""
    data = struct.pack("<Q", length)
    return data + masked_crc(data)


def frame(data):
    """A whole record."""
    return head(len(data)) + data + masked_crc(data)


def write_tfrecords(path, images, packed=True):
    path.write_bytes(b"".join(frame(pixel_example(image, packed)) for image in images))
    return path


def write_lmdb(folder, values, subdir=True, **options):
    """A database of encoded images by key, each in a transaction of its own, as the usual tools write it."""
    with lmdb.open(str(folder), map_size=1 << 28, subdir=subdir, **options) as environment:
        for key, value in values.items():
            with environment.begin(write=True) as transaction:
                transaction.put(key, value)
    return folder


IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_parquet(path, rows, row_group_size=4, column="image", **options):
    """A parquet file of (bytes, path) rows beside a column of labels, as Hugging Face's tools write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = pa.array([row and {"bytes": row[0], "path": row[1]} for row in rows], IMAGE_TYPE)
    table = pa.table({"label": pa.array(range(len(rows)), pa.int64()), column: images})
    pq.write_table(table, path, row_group_size=row_group_size, **options)
    return path
