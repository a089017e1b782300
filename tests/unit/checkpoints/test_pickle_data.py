"""The machine against Python's own unpickler: plain values come out equal, and everything else as a record."""

import collections
import io
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylenat.checkpoints.machine import Machine
from stylenat.checkpoints.persistent_names import NAMES
from stylenat.checkpoints.pickle_data import STEPS, read_pickle
from stylenat.checkpoints.records import Malformed, Name, Record, Refused

KEYS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    KEYS | st.integers(-(2**4000), 2**4000) | st.sets(KEYS),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | inner.map(lambda value: [value] * 3)
    ),
    max_leaves=30,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "x.pkl"


def same(found, expected):
    """Equal, and of equal types throughout."""
    if type(found) is not type(expected) or found != expected:
        return False
    if isinstance(found, dict):
        return list(found) == list(expected) and all(same(found[name], expected[name]) for name in found)
    return not isinstance(found, list | tuple) or all(map(same, found, expected))


@settings(max_examples=150)
@given(VALUES, st.integers(2, 5), st.booleans())
def test_plain_values_are_read_as_python_reads_them(path, value, protocol, pure):
    path.write_bytes((pickle._dumps if pure else pickle.dumps)(value, protocol))
    assert same(read_pickle(path, NAMES), value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_values_that_hold_themselves_and_long_ones(path, protocol):
    endless = [1, (2,)]
    endless.append((endless, {"me": endless}))
    value = [
        endless,
        list(range(3000)),
        {str(i): i for i in range(3000)},
        "x" * 70_000,
        b"y" * 70_000,
        set(range(2000)),
    ]
    path.write_bytes(pickle.dumps(value, protocol))
    found = read_pickle(path, NAMES)
    assert found[0][2][0] is found[0][2][1]["me"] is found[0]
    assert found[1:] == value[1:]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_an_ordered_dict_is_a_dict(path, protocol):
    path.write_bytes(pickle.dumps(collections.OrderedDict(b=1, a=2), protocol))
    assert same(read_pickle(path, NAMES), {"b": 1, "a": 2})


def read(path, data):
    path.write_bytes(data)
    return read_pickle(path, NAMES)


def test_calls_and_objects_become_records(path):
    found = read(path, b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}X\x01\0\0\0aK\x01sb.")
    assert (type(found), found.name, found.args, found.state) == (
        Record,
        "torch.nn.modules.linear.Linear",
        (),
        {"a": 1},
    )
    found = read(path, b"\x80\x02ctorch\ndevice\nX\x03\0\0\0cpu\x85R.")
    assert (found.name, found.args) == ("torch.device", ("cpu",))
    found = read(path, b"\x80\x02ctimm.layers\nOdd\n)\x81K\x05aX\x01\0\0\0kK\x06s.")  # a list's and a dict's subclass
    assert (found.name, found.items) == ("timm.layers.Odd", [5, ("k", 6)])
    assert isinstance(read(path, b"\x80\x02ctimm\nx\n."), Name)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b".",
        b"0.",
        b"N",
        b"\x85.",
        b"N\x87.",
        b"(.",
        b"h\x05.",
        b"Ks",
        b"t.",
        b"K\x01K\x02a.",
        b"K\x01(K\x02e.",
        b"}(K\x01u.",
        b"}]K\x01s.",
        b"})K\x01s}\x85K\x01s.",
        b"N(\x90.",
        b"(]\x91.",
        b"K\x01K\x02\x93.",
        b"K\x01)R.",
        b"ctimm\nx\nK\x01R.",
        b"ctimm\nx\n}b.",
        b"}}K\x01K\x02sb.",
        b"ctimm\nx",
        b"c\xff\nx\n.",
        b"\xff",
        b"X\x01\0\0\0\xff.",
        b"X\xff\xff\xff\xffa.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fa.",
        b"\x8b\xff\xff\xff\xffa.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"cbuiltins\nset\n}\x85R.",
        b"cbuiltins\nset\n]]a\x85R.",
        b"ccollections\nOrderedDict\nK\x01\x85R.",
        b"ccollections\nOrderedDict\n]K\x01a\x85R.",
        b"c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0utf-7\x86R.",
        b"c_codecs\nencode\nK\x01X\x06\0\0\0latin1\x86R.",
        b"ccopyreg\n_reconstructor\nNNN\x87R.",
        b"ctorch\nSize\n)R)\x81(K\x01\x90.",
    ],
)
def test_bytes_without_sense_are_malformed(path, data):
    with pytest.raises(Malformed):
        read(path, data)


@pytest.mark.parametrize(
    ("data", "opcode"),
    [
        (b"I1\n.", "INT"),
        (b"S'a'\n.", "STRING"),
        (b"U\x01a.", "SHORT_BINSTRING"),
        (b"N2.", "DUP"),
        (b"\x96\x01\0\0\0\0\0\0\0a.", "BYTEARRAY8"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"Pid\n.", "PERSID"),
        (b"K\x01Q.", "BINPERSID"),
        (b"\x82\x05.", "EXT1"),
    ],
)
def test_opcodes_that_no_writer_of_protocol_2_to_5_needs_are_refused(path, data, opcode):
    with pytest.raises(Refused, match=f"has the pickle opcode {opcode}$"):
        read(path, data)


@pytest.mark.parametrize(
    "data",
    [
        b"}" + b")" + b"\x85" * 300_000 + b"Ns.",  # as a key, it would be hashed along all of its depth
        b"(" + b")" + b"\x85" * 300_000 + b"\x91.",
        b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.",  # a place in the memo far from the others
        b"]" * 2_000_001 + b".",
    ],
)
def test_what_would_overflow_python_s_own_unpickler_is_malformed(path, data):
    with pytest.raises(Malformed):
        read(path, data)


@pytest.mark.parametrize("opcode", [b"X\xff\xff\xff\x7f", b"\x8e" + 7 * b"\xff" + b"\x00", b"\x8b\xff\xff\xff\x7f"])
def test_more_than_the_file_holds_is_never_asked_for(opcode):
    class Stream(io.BytesIO):
        def read(self, count):
            assert count < 100
            return super().read(count)

    with pytest.raises(Malformed, match="the file ends early"):
        Machine(Stream(opcode + b"abc."), len(opcode) + 4, NAMES).run(STEPS)


def test_depth_alone_is_no_fault(path):
    found = read(path, b"N" + b"\x85" * 300_000 + b".")
    assert len(found) == 1
