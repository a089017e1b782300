"""How a map is cut for tiled attention: query tiles against the clamped key windows that cover them.

A residue class of a dilated axis is a dense axis of its own, so that the map falls into sub-grids, each reached by
strides alone. Along a sub-grid's axis the queries are cut into tiles; the keys that a tile's windows cover are one run.
Neighbouring tiles whose runs lie alike form a segment: first, interior and last ones at most, whatever the length.
A pair of segments, one an axis, is a block: all its tiles share one table of bias indices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch


@dataclass(frozen=True)
class Segment:
    """Tiles of one axis with one geometry; places are counted within a residue class."""

    residue: int  # first residue class
    residues: int  # how many classes, one after the other
    query: int  # first place of the first tile
    queries: int  # places in a tile
    key: int  # first key place of the first tile
    keys: int  # key places of a tile
    tiles: int  # tiles, `stride` places apart
    stride: int
    starts: tuple[int, ...]  # where each query's window begins, counted from the tile's first key
    whole: bool  # whether a tile is its whole residue class

    @property
    def phases(self) -> int:
        """How many tiles apart two key runs no longer overlap."""
        return -(-self.keys // self.stride)


@dataclass(frozen=True)
class Block:
    """A pair of segments and, for a (query, key) pair of a tile, the bias index; (2K - 1)^2 outside the window."""

    rows: Segment
    columns: Segment
    index: torch.Tensor  # (queries, keys) int64, on the device of the map

    @property
    def queries(self) -> int:
        """Queries in a tile."""
        return self.rows.queries * self.columns.queries

    @property
    def keys(self) -> int:
        """Keys of a tile."""
        return self.rows.keys * self.columns.keys

    @property
    def alone(self) -> bool:
        """Whether each tile is a whole residue class: no other tile has its keys."""
        return self.rows.whole and self.columns.whole


def axis_segments(length: int, kernel_size: int, dilation: int, tile: int) -> list[Segment]:
    """The segments of one axis, over all its residue classes."""
    places, longer = divmod(length, dilation)
    classes = [(0, longer, places + 1), (longer, dilation - longer, places)]
    return [
        segment
        for residue, residues, count in classes
        if residues
        for segment in _class_segments(residue, residues, count, kernel_size, tile)
    ]


def _class_segments(residue: int, residues: int, count: int, kernel_size: int, tile: int) -> list[Segment]:
    """The segments of residue classes with `count` places each."""
    found: list[Segment] = []
    for query in range(0, count, tile):
        queries = min(tile, count - query)
        starts = [min(max(query + i - kernel_size // 2, 0), count - kernel_size) for i in range(queries)]
        keys, relative = starts[-1] + kernel_size - starts[0], tuple(start - starts[0] for start in starts)
        last = found[-1] if found else None
        if last and (last.queries, last.keys, last.starts, last.key - last.query) == (
            queries,
            keys,
            relative,
            starts[0] - query,
        ):
            found[-1] = Segment(**{**vars(last), "tiles": last.tiles + 1})
        else:
            found.append(
                Segment(residue, residues, query, queries, starts[0], keys, 1, tile, relative, queries == count)
            )
    return found


def _axis_index(segment: Segment, kernel_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Bias index along one axis, and whether the key lies in the window: two tensors (queries, keys)."""
    key = torch.arange(segment.keys, device="cpu")[None, :]
    start = torch.tensor(segment.starts, device="cpu")[:, None]
    query = torch.arange(segment.queries, device="cpu")[:, None]
    index = key + segment.key - query - segment.query + kernel_size - 1
    return index, (key >= start) & (key < start + kernel_size)


# What is cached outlives the call: made under inference mode, it could not serve a later backward pass.
@lru_cache(maxsize=128)
@torch.inference_mode(False)
def plan(
    height: int, width: int, kernel_size: int, dilation: int, tile: tuple[int, int], device: torch.device
) -> tuple[Block, ...]:
    """All blocks of a map; together their tiles hold every query once."""
    outside = (2 * kernel_size - 1) ** 2
    blocks = []
    rows, columns = (axis_segments(n, kernel_size, dilation, t) for n, t in zip((height, width), tile, strict=True))
    for row, column in product(rows, columns):
        (y, in_y), (x, in_x) = _axis_index(row, kernel_size), _axis_index(column, kernel_size)
        index = y[:, None, :, None] * (2 * kernel_size - 1) + x[None, :, None, :]
        index = index.masked_fill(~(in_y[:, None, :, None] & in_x[None, :, None, :]), outside)
        blocks.append(Block(row, column, index.reshape(row.queries * column.queries, -1).to(device)))
    return tuple(blocks)


def tile_view(x: torch.Tensor, block: Block, dilation: int, *, keys: bool) -> torch.Tensor:
    """A block's tiles of a map (B, N, H, W, C), no copy: (B, classes y, classes x, tiles y, tiles x, N, y, x, C).

    Key tiles of one class overlap where windows do.
    """
    row, column = block.rows, block.columns
    batch, heads, _, _, channels = x.shape
    b, n, h, w, c = x.stride()
    first_y, count_y = (row.key, row.keys) if keys else (row.query, row.queries)
    first_x, count_x = (column.key, column.keys) if keys else (column.query, column.queries)
    shape = (batch, row.residues, column.residues, row.tiles, column.tiles, heads, count_y, count_x, channels)
    steps = (b, h, w, row.stride * dilation * h, column.stride * dilation * w, n, dilation * h, dilation * w, c)
    start = (row.residue + first_y * dilation) * h + (column.residue + first_x * dilation) * w
    return x.as_strided(shape, steps, x.storage_offset() + start)


def pieces(counts: Sequence[int], unit_bytes: int, budget_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Pieces of a view's axes after the batch, of about `budget_bytes` at most: inner axes first, even parts."""
    sizes, unit = [1] * len(counts), unit_bytes
    for axis in reversed(range(len(counts))):
        most = max(1, min(counts[axis], budget_bytes // max(unit, 1)))
        sizes[axis] = -(-counts[axis] // -(-counts[axis] // most))
        if sizes[axis] < counts[axis]:
            break
        unit *= counts[axis]
    for starts in product(*(range(0, count, size) for count, size in zip(counts, sizes, strict=True))):
        yield slice(None), *(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
