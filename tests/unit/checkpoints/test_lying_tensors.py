"""Tensors that say something else than their storage holds, and storages that are none."""

import io
import os
import pickle
import warnings

import pytest
import torch

from stylenat.checkpoints.persistent import read_persistent
from stylenat.core.errors import InputError


class Reduced:
    """Pickled as a call with those arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert not (tmp_path / "ran").exists()


def stored(count=12, value=None):
    stream = io.BytesIO()
    value = torch.arange(float(count)).untyped_storage() if value is None else value
    if isinstance(value, torch.UntypedStorage):
        value = torch.storage.TypedStorage(wrap_storage=value, dtype=torch.float32, _internal=True)
    torch.save(value, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def storage(data):
    return Reduced(torch.storage._load_from_bytes, data)


def read(path, tensor):
    module = torch.nn.Module()
    module.__dict__["_buffers"] = {"x": tensor}
    path.write_bytes(pickle.dumps({"G": module}))
    return read_persistent(path)["G"].state["x"]


def rebuilt(*geometry, data=None):
    return Reduced(torch._utils._rebuild_tensor_v2, storage(stored() if data is None else data), *geometry, False, {})


@pytest.mark.parametrize(
    "geometry",
    [
        (0, (13,), (1,)),
        (1, (12,), (1,)),
        (12, (), ()),
        (0, (3, 4), (5, 1)),
        (0, (2, 2), (11, 1)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (11, (2,), (-1,)),
        (0, (2,), (1, 1)),
        (0, [2], [1]),
        (0, (2.0,), (1,)),
        (True, (2,), (1,)),
        (None, (2,), (1,)),
        (0, (10**9, 10**9), (0, 0)),  # one number read endlessly
        (0, (13,), (0,)),
        (2**63, (1,), (1,)),
        (0, (2**64,), (2**64,)),
        (0, 17 * (1,), 17 * (1,)),
    ],
)
def test_a_view_beyond_its_storage_is_refused(tmp_path, geometry):
    with pytest.raises(InputError, match=r"x\.pkl: G: x reaches beyond its storage of 12 numbers$"):
        read(tmp_path / "x.pkl", rebuilt(*geometry))


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ((0, (12,), (1,)), torch.arange(12.0)),
        ((11, (), ()), torch.tensor(11.0)),
        ((1, (3, 2), (1, 6)), torch.tensor([[1.0, 7], [2, 8], [3, 9]])),
        ((0, (0, 512), (512, 1)), torch.zeros(0, 512)),
    ],
)
def test_a_view_inside_is_the_tensor(tmp_path, geometry, expected):
    found = read(tmp_path / "x.pkl", rebuilt(*geometry))
    assert found.shape == expected.shape
    assert torch.equal(found, expected)


@pytest.mark.parametrize("geometry", [(0, (1,), (2**70,)), (0, (0, 2**63), (1, 1))])
def test_numbers_that_torch_can_not_hold_are_refused(tmp_path, geometry):
    with pytest.raises(InputError, match="G: x is a tensor of an unknown kind"):
        read(tmp_path / "x.pkl", rebuilt(*geometry))


@pytest.mark.parametrize(
    "tensor",
    [
        3,
        "text",
        torch.nn.Module(),
        Reduced(torch._utils._rebuild_tensor_v2),
        Reduced(torch._utils._rebuild_parameter),
        Reduced(torch._utils._rebuild_parameter, 3, True, {}),
        Reduced(torch.storage._load_from_bytes, b""),
    ],
)
def test_what_is_no_tensor_is_named(tmp_path, tensor):
    with pytest.raises(InputError, match="G: x is no tensor"):
        read(tmp_path / "x.pkl", tensor)


def evil():
    return Reduced(os.system, "touch ran")


def zipped(value):
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pickle.dumps(evil()), "has no storage of numbers"),
        (zipped(evil()), "has no storage of numbers"),
        (zipped(torch.zeros(3).untyped_storage()), "has no storage of numbers"),  # that format may be packed
        (stored(value=evil()), r": refused: the file names 'posix\.system', which no such checkpoint needs"),
        (stored(value={"a": evil()}), r"refused: the file names 'posix\.system'"),
        (stored(value=torch.zeros(12)), "has no storage of numbers"),
        (stored(value=[1, 2]), "has no storage of numbers"),
        (stored()[:-5], "not a readable storage of numbers"),
        (stored()[:40], "not a readable storage of numbers"),
        # Two numbers more than there are; more than there is memory.
        (stored().replace(b"K\x0cN", b"K\x0eN"), "not a readable storage of numbers"),
        (stored().replace(b"K\x0cN", b"\x8a\x07" + b"\xff" * 6 + b"\x00N"), "not a readable storage of numbers"),
        ("text", "has no storage of numbers"),
        (b"", "has no storage of numbers"),
    ],
)
def test_a_storage_is_numbers_and_nothing_else(tmp_path, data, says):
    with pytest.raises(InputError, match=f"x.pkl: G: x.*{says}") as caught:
        read(tmp_path / "x.pkl", rebuilt(0, (2,), (1,), data=data))
    assert "\n" not in str(caught.value)


def test_a_storage_that_is_no_call_is_named(tmp_path):
    tensor = Reduced(torch._utils._rebuild_tensor_v2, evil, 0, (2,), (1,), False, {})
    tensor.arguments = (torch.device("cpu"), *tensor.arguments[1:])
    with pytest.raises(InputError, match="has no storage of numbers"):
        read(tmp_path / "x.pkl", tensor)
