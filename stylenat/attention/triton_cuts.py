"""How the Triton kernels of neighborhood attention cut a map into programs and blocks.

Pairs are (y, x); places are those of a residue class of a dilated axis (see `triton_places`).
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch

Pair = tuple[int, int]
# Tiles, and the most keys that a single block may hold beside them.
SINGLE = (((8, 8), 64), ((4, 4), 128), ((2, 8), 128))
# A tile, and the keys of one of several blocks; the same for heads so wide that shared memory would not hold those.
LOOPED, LOOPED_WIDE = ((8, 8), 64), ((4, 4), 32)
WIDE = 128  # bytes of a head's channels


class Cut(NamedTuple):
    """What a program owns, what it reads at a time, and by how many threads."""

    tile: Pair
    block: Pair
    single: bool  # one block holds all that a tile needs
    warps: int
    stages: int  # passes of the innermost loop whose loads are under way together
    reach: Pair = (0, 0)  # of the bias gradient: how far its keys go beyond a tile on either side


@lru_cache(maxsize=512)
def cut_map(name: str, places: Pair, kernel_size: int, channels: int, itemsize: int, tensor_cores: bool) -> Cut:
    """A kernel's cut, given the places of the longest residue class and the padded head dimension.

    A small head's time goes into pairs of query and key, most of them outside the windows. So of the tiles whose keys
    fit into a single block, that with the fewest is taken; larger windows are walked in several blocks.
    """
    wide = channels * itemsize > WIDE
    tile, keys = LOOPED_WIDE if wide else LOOPED
    if name == "backward_bias":
        reach = _reach(tile, places, kernel_size)
        block = _block(tuple(side + 2 * more for side, more in zip(tile, reach, strict=True)), keys)
        warps = _warps(tile, block, channels, itemsize, tensor_cores)
        return Cut(tile, block, False, warps, 2 if itemsize == 2 and not wide else 1, reach)
    looped = (tile, _block(tuple(side + kernel_size - 1 for side in tile), keys))
    found = [] if wide else _single_blocks(places, kernel_size)
    tile, block = min(found, key=lambda x: prod(x[1]), default=looped)
    # Near a border a key has more queries than its window has places: only a block that holds the map has them all.
    whole = all(n <= side for n, side in zip(places, block, strict=True))
    single = bool(found) and (whole or name != "backward_keys")
    # Of one block the loads for the next image are begun early. Of several that would include the gathered bias, which
    # then takes the way through shared memory.
    stages = 2 if single and itemsize == 2 else 1
    return Cut(tile, block, single, _warps(tile, block, channels, itemsize, tensor_cores), stages)


def _single_blocks(places: Pair, kernel_size: int) -> list[tuple[Pair, Pair]]:
    """Tiles whose keys fit into one block, and that block."""
    found = []
    for tile, most in SINGLE:
        y, x = (_power(min(side + kernel_size - 1, n)) for side, n in zip(tile, places, strict=True))
        block = (y, max(x, 16 // y))  # matrix products want 16 places
        if prod(block) <= most:
            found.append((tile, block))
    return found


def _warps(tile: Pair, block: Pair, channels: int, itemsize: int, tensor_cores: bool) -> int:
    """Warps of a program: few enough to share its loads, so many that sm_90 keeps all pairs in registers."""
    if channels * itemsize > WIDE:
        return 4
    pairs = prod(tile) * prod(block)
    share = 16  # pairs of a thread
    if tensor_cores:
        share = 64 if itemsize == 2 and channels <= 16 and pairs <= 2048 else 32
    return max(1, pairs // (32 * share))


def _reach(tile: Pair, places: Pair, kernel_size: int) -> Pair:
    """How far windows go beyond a tile that lies inside the map.

    K // 2 or, where a window is shifted inside a border, K - 1 less what the tile holds; never further than the map.
    """
    y, x = (
        min(max(kernel_size // 2, kernel_size - side), max(n - side, 0)) for n, side in zip(places, tile, strict=True)
    )
    return y, x


def _block(run: Pair, places: int) -> Pair:
    """The sides of a block of so many places that cover a run with the least waste."""

    def covered(block: Pair) -> int:
        return prod(-(-length // side) * side for length, side in zip(run, block, strict=True))

    return min(((places // side, side) for side in (16, 8, 32)), key=covered)


def _power(length: int) -> int:
    """The power of two that holds a length."""
    return 1 << (length - 1).bit_length()


def blocks(cut: Cut) -> Pair:
    """Blocks of the keys of a bias gradient's tile."""
    y, x = (-(-(side + 2 * reach) // step) for side, reach, step in zip(cut.tile, cut.reach, cut.block, strict=True))
    return y, x


# What is cached outlives the call: made under inference mode, it could not serve a later backward pass.
@lru_cache(maxsize=64)
@torch.inference_mode(False)
def bias_slots(cut: Cut, kernel_size: int, device: torch.device) -> torch.Tensor:
    """Where the parts of each bias cell lie among a head's (blocks, Q, K) sums: (cells, Q) int64, one past the end
    where a query has no such key.
    """
    offset = torch.arange(1 - kernel_size, kernel_size, device="cpu")
    axes = []
    for side, reach in zip(cut.tile, cut.reach, strict=True):
        query = torch.arange(side, device="cpu").expand(len(offset), side)
        axes.append((query, offset[:, None] + query + reach))
    query_y, key_y = (x[:, None, :, None] for x in axes[0])
    query_x, key_x = (x[None, :, None, :] for x in axes[1])
    block = key_y // cut.block[0] * blocks(cut)[1] + key_x // cut.block[1]
    slot = block * prod(cut.tile) + query_y * cut.tile[1] + query_x
    slot = slot * prod(cut.block) + key_y % cut.block[0] * cut.block[1] + key_x % cut.block[1]
    inside = (key_y >= 0) & (key_y < cut.tile[0] + 2 * cut.reach[0])
    inside = inside & (key_x >= 0) & (key_x < cut.tile[1] + 2 * cut.reach[1])
    slot = slot.masked_fill(~inside, prod(blocks(cut)) * prod(cut.tile) * prod(cut.block))
    return slot.flatten(2).flatten(0, 1).to(device)
