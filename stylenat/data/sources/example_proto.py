"""A strict reader of tf.train.Example, the message in a TFRecord, without TensorFlow.

A message is a run of fields, each a number, a wire type and a value. Unknown fields are skipped; what is cut off,
repeated, or of another wire type than it should be is refused.
"""

from collections.abc import Iterator

from stylenat.core.errors import InputError

Feature = list[memoryview] | list[int]

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_FIXED_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_FEATURES = 1  # of an Example, and of its Features: the entries of a map
_KEY, _VALUE = 1, 2  # of an entry of the map
_BYTES, _FLOATS, _INTS = 1, 2, 3  # of a Feature: which list it has
_ITEM = 1  # of each list
_MOST_VARINT_BYTES = 10
_FIELD_NUMBERS = range(1, 1 << 29)


def parse_example(data: bytes) -> dict[str, Feature]:
    """The features of an Example: lists of bytes or of integers; lists of floats come out empty.

    Raises:
        InputError: the message is damaged, or not an Example; the text says what is wrong, not where.
    """
    features: dict[str, Feature] = {}
    for entry in _messages(_single(memoryview(data), _FEATURES, "features"), _FEATURES):
        key = _text(_single(entry, _KEY, "key"))
        if key in features:
            raise InputError(f"found the key {key!r} twice, expected it once")
        features[key] = _feature(_single(entry, _VALUE, "value"), key)
    return features


def _feature(data: memoryview, key: str) -> Feature:
    lists = [field for field in _fields(data) if field[0] in (_BYTES, _FLOATS, _INTS)]
    if len(lists) != 1:
        raise InputError(f"found {len(lists)} lists of values for the key {key!r}, expected one")
    number, _, content = lists[0]
    if not isinstance(content, memoryview):
        raise InputError(f"found a number for the key {key!r}, expected a list of values")
    if number == _BYTES:
        return _messages(content, _ITEM)
    return list(_integers(content)) if number == _INTS else []


def _integers(data: memoryview) -> Iterator[int]:
    """The values of an Int64List, whose writer may pack all into one field or give each its own."""
    for number, wire, value in _fields(data):
        if number != _ITEM:
            continue
        if isinstance(value, int):
            yield _signed(value)
        elif wire == _SIZED:
            at = 0
            while at < len(value):
                item, at = _varint(value, at)
                yield _signed(item)
        else:
            raise InputError(f"found wire type {wire} in a list of integers")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise InputError("found a key that isn't UTF-8 text") from None


def _single(data: memoryview, number: int, what: str) -> memoryview:
    messages = _messages(data, number)
    if len(messages) != 1:
        raise InputError(f"not an Example: found {len(messages)} fields for '{what}', expected one")
    return messages[0]


def _messages(data: memoryview, wanted: int) -> list[memoryview]:
    """The contents of all sized fields of one number."""
    contents: list[memoryview] = []
    for number, wire, value in _fields(data):
        if number != wanted:
            continue
        if wire != _SIZED or isinstance(value, int):
            raise InputError(f"not an Example: found wire type {wire} in field {number}, expected {_SIZED}")
        contents.append(value)
    return contents


def _fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and value of each field: an integer for a varint, else the bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number not in _FIELD_NUMBERS:
            raise InputError(f"not an Example: found field number {number}")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == _SIZED:
            size, at = _varint(data, at)
        elif wire in _FIXED_SIZES:
            size = _FIXED_SIZES[wire]
        else:
            raise InputError(f"not an Example: found wire type {wire} in field {number}")
        if size > len(data) - at:
            raise InputError(f"field {number} ends {size - (len(data) - at)} bytes after the message around it")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, lowest first, and where it ends."""
    value = 0
    for count, byte in enumerate(data[at : at + _MOST_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if value >> 64:
                raise InputError("found an integer of more than 64 bits")
            return value, at + count + 1
    raise InputError(f"found an integer that is cut off, or of more than {_MOST_VARINT_BYTES} bytes")
