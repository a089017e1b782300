"""Random numbers as functions of (seed, stream, index): independent of batch size, order and number of devices."""

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def generator_at(seed: int, stream: str, index: int) -> np.random.Generator:
    """A generator for one index of one named stream: counter-based, so any index costs the same."""
    key = np.array([seed, zlib.crc32(stream.encode())], dtype=np.uint64)
    counter = np.array([0, 0, 0, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def latents(seed: int, indices: range, z_dim: int, stream: str = "sample") -> "torch.Tensor":
    """Standard normal latents, (len(indices), z_dim) float32: row i depends on (seed, stream, indices[i]) alone."""
    import torch  # only here: drawing indices, as the preparation of images does, needs none

    rows = [generator_at(seed, stream, index).standard_normal(z_dim, dtype=np.float32) for index in indices]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, z_dim)


def torch_seed(seed: int, stream: str, index: int) -> int:
    """A seed for torch's own generators, for one index of one named stream."""
    return int(generator_at(seed, stream, index).integers(2**63))


def subset(seed: int, count: int, total: int) -> np.ndarray:
    """`count` different indices below `total`, drawn from (seed, "reals") alone: the reals of a protocol."""
    return generator_at(seed, "reals", 0).permutation(total)[:count]
