"""Tensors of plain pickles: a storage as bytes of a small torch file, and a view of it that must lie inside."""

import io
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from stylenat.checkpoints.persistent_names import PARAMETER, STORAGE, TENSOR
from stylenat.checkpoints.records import Record
from stylenat.checkpoints.torch_file import load_restricted
from stylenat.core.errors import InputError

# How torch's older format begins, which storages inside pickles always have; its reader knows others, packed ones too.
LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
MOST_AXES = 16


class Storage(NamedTuple):
    """Numbers in memory. (The public ways to ask torch's own class for these warn of its end.)"""

    memory: torch.UntypedStorage
    dtype: torch.dtype
    count: int


class TensorReader:
    """Tensors from their records. A storage is read once, however many views there are, and its bytes are let go."""

    def __init__(self, label: str) -> None:
        self.label = label  # begins every message
        self.storages: dict[int, tuple[Record, Storage]] = {}  # by id, which stays taken as long as the record is here

    def read(self, value: Any, name: str) -> Tensor:
        """The tensor or parameter that a record describes; it shares memory with other views of its storage.

        Raises:
            InputError: it is none, or reaches beyond its storage.
        """
        if isinstance(value, Record) and value.name == PARAMETER and value.args:
            value = value.args[0]
        if not isinstance(value, Record) or value.name != TENSOR or len(value.args) < 4:
            raise InputError(f"{self.label}: {name} is no tensor")
        storage = self._storage(value.args[0], name)
        offset, size, stride = value.args[1:4]
        if not _lies_inside(offset, size, stride, storage.count):
            raise InputError(f"{self.label}: {name} reaches beyond its storage of {storage.count} numbers")
        try:
            return torch.empty(0, dtype=storage.dtype, device="cpu").set_(storage.memory, offset, size, stride)
        except (RuntimeError, OverflowError, TypeError):
            raise InputError(f"{self.label}: {name} is a tensor of an unknown kind") from None

    def _storage(self, record: Any, name: str) -> Storage:
        if id(record) in self.storages:
            return self.storages[id(record)][1]
        data = record.args[0] if isinstance(record, Record) and record.name == STORAGE and record.args else None
        if not isinstance(data, bytes) or not data.startswith(LEGACY):
            raise InputError(f"{self.label}: {name} has no storage of numbers")
        found = load_restricted(io.BytesIO(data), f"{self.label}: {name}", "storage of numbers")
        if not isinstance(found, torch.storage.TypedStorage) or found._untyped_storage.device.type != "cpu":
            raise InputError(f"{self.label}: {name} has no storage of numbers")
        storage = Storage(found._untyped_storage, found.dtype, found._untyped_storage.nbytes() // found.dtype.itemsize)
        record.args = ()
        self.storages[id(record)] = record, storage
        return storage


def _lies_inside(offset: Any, size: Any, stride: Any, count: int) -> bool:
    """Whether a view stays in a storage of `count` numbers, and is not larger than it by reading numbers twice."""
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        return False
    if len(size) > MOST_AXES or any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        return False
    if 0 in size:
        return True
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    return last < count and math.prod(size) <= count
