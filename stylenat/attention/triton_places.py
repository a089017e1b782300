# ruff: noqa: ANN001, ANN201, ANN202 - Triton would take annotations for types of its own
"""Where the Triton kernels of neighborhood attention read and write: tiles, windows, offsets.

The residue classes of a dilated axis are dense axes of their own, reached by strides; a place is counted within its
class. A program takes a tile of places and walks, block by block, over all that the tile's windows touch.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl

# Where the window of a query starts that does not count: behind every key.
NOWHERE = tl.constexpr(1 << 30)


class Map(NamedTuple):
    """A tensor (B, N, H, W, C) or (B, N, H, W): its memory, and its strides but for that of C, which is 1."""

    pointer: Any
    batch: Any
    head: Any
    row: Any
    column: Any


class Size(NamedTuple):
    """What all programs of a launch share; tiles are those of the longest residue class."""

    batch: Any
    heads: Any
    height: Any
    width: Any
    dilation: Any
    tiles_y: Any
    tiles_x: Any


class Work(NamedTuple):
    """One tile of one residue class of one head's map, in one batch item or one group of them."""

    batch: Any
    head: Any
    residue_y: Any
    residue_x: Any
    places_y: Any  # places in the class
    places_x: Any
    tile_y: Any
    tile_x: Any


class Run(NamedTuple):
    """A rectangle of places, ends excluded."""

    y: Any
    x: Any
    end_y: Any
    end_x: Any


class Points(NamedTuple):
    """Places, and whether they are real: not cut off at a border."""

    y: Any
    x: Any
    real: Any


class Queries(NamedTuple):
    """Places of queries, and where their windows start."""

    y: Any
    x: Any
    start_y: Any
    start_x: Any


@triton.jit
def take_work(index, size):
    """The piece of work of a number; what lies together in memory is done together."""
    head = index % size.heads
    index = index // size.heads
    residue_x = index % size.dilation
    index = index // size.dilation
    residue_y = index % size.dilation
    index = index // size.dilation
    tile_x = index % size.tiles_x
    index = index // size.tiles_x
    places_y = (size.height - residue_y + size.dilation - 1) // size.dilation
    places_x = (size.width - residue_x + size.dilation - 1) // size.dilation
    return Work(
        index // size.tiles_y, head, residue_y, residue_x, places_y, places_x, index % size.tiles_y, tile_x
    )  # fmt: skip


@triton.jit
def window_start(place, places, KERNEL: tl.constexpr):
    """The first key of a place's window: centred, shifted inside at the borders."""
    return tl.minimum(tl.maximum(place - KERNEL // 2, 0), places - KERNEL)


@triton.jit
def is_empty(work, TILE_Y: tl.constexpr, TILE_X: tl.constexpr):
    """Whether a tile holds no place: a shorter class may have a tile less."""
    return (work.tile_y * TILE_Y >= work.places_y) | (work.tile_x * TILE_X >= work.places_x)


@triton.jit
def tile_points(work, TILE_Y: tl.constexpr, TILE_X: tl.constexpr):
    """The places of a tile."""
    run = Run(work.tile_y * TILE_Y, work.tile_x * TILE_X, work.places_y, work.places_x)
    return block_points(run, 0, 1, TILE_Y, TILE_X)


@triton.jit
def _axis_keys(tile, places, TILE: tl.constexpr, KERNEL: tl.constexpr):
    last = tl.minimum(tile * TILE + TILE, places) - 1
    return window_start(tile * TILE, places, KERNEL), window_start(last, places, KERNEL) + KERNEL


@triton.jit
def keys_of(work, TILE_Y: tl.constexpr, TILE_X: tl.constexpr, KERNEL: tl.constexpr):
    """The keys in the windows of a tile's queries."""
    y, end_y = _axis_keys(work.tile_y, work.places_y, TILE_Y, KERNEL)
    x, end_x = _axis_keys(work.tile_x, work.places_x, TILE_X, KERNEL)
    return Run(y, x, end_y, end_x)


@triton.jit
def _axis_queries(tile, places, TILE: tl.constexpr, KERNEL: tl.constexpr):
    first, last = tile * TILE, tl.minimum(tile * TILE + TILE, places) - 1
    # The windows of all places near a border were shifted onto its K keys.
    begin = tl.where(first < KERNEL, 0, first - KERNEL // 2)
    return begin, tl.where(last >= places - KERNEL, places, last + KERNEL // 2 + 1)


@triton.jit
def queries_of(work, TILE_Y: tl.constexpr, TILE_X: tl.constexpr, KERNEL: tl.constexpr):
    """The queries whose windows hold one of a tile's keys."""
    y, end_y = _axis_queries(work.tile_y, work.places_y, TILE_Y, KERNEL)
    x, end_x = _axis_queries(work.tile_x, work.places_x, TILE_X, KERNEL)
    return Run(y, x, end_y, end_x)


@triton.jit
def block_points(run, block, columns, BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr):
    """A block of a run that is `columns` blocks wide."""
    slot = tl.arange(0, BLOCK_Y * BLOCK_X)
    y = run.y + block // columns * BLOCK_Y + slot // BLOCK_X
    x = run.x + block % columns * BLOCK_X + slot % BLOCK_X
    return Points(y, x, (y < run.end_y) & (x < run.end_x))


@triton.jit
def as_queries(points, work, KERNEL: tl.constexpr):
    """Points as queries; those that are not real have no key."""
    start_y = tl.where(points.real, window_start(points.y, work.places_y, KERNEL), NOWHERE)
    return Queries(points.y, points.x, start_y, window_start(points.x, work.places_x, KERNEL))


@triton.jit
def offsets(x, image, work, size, points, ALIGN: tl.constexpr):
    """Where points lie in a map. 64 bits: a packed projection of large maps passes 2^31 elements."""
    offset = tl.cast(image, tl.int64) * x.batch + work.head.to(tl.int64) * x.head
    offset += (work.residue_y + points.y * size.dilation).to(tl.int64) * x.row
    offset += (work.residue_x + points.x * size.dilation).to(tl.int64) * x.column
    return tl.multiple_of(offset, [ALIGN])


@triton.jit
def load_points(x, image, work, size, points, C: tl.constexpr, C_PAD: tl.constexpr, ALIGN: tl.constexpr):
    """The channels of points, zero where there are none."""
    pointer = x.pointer + offsets(x, image, work, size, points, ALIGN)
    channel = tl.arange(0, C_PAD)
    mask = points.real[:, None] & (channel < C)[None, :]
    return tl.load(pointer[:, None] + channel[None, :], mask=mask, other=0.0)


@triton.jit
def load_numbers(x, image, work, size, points):
    """The numbers of points of a map without channels."""
    return tl.load(x.pointer + offsets(x, image, work, size, points, 1), mask=points.real, other=0.0)


@triton.jit
def store_points(x, values, image, work, size, points, C: tl.constexpr, C_PAD: tl.constexpr, ALIGN: tl.constexpr):
    """Write the channels of points in the map's dtype."""
    pointer = x.pointer + offsets(x, image, work, size, points, ALIGN)
    channel = tl.arange(0, C_PAD)
    mask = points.real[:, None] & (channel < C)[None, :]
    tl.store(pointer[:, None] + channel[None, :], values.to(x.pointer.dtype.element_ty), mask=mask)
