# ruff: noqa: ANN001, ANN201, ANN202 - Triton would take annotations for types of its own
"""The Triton kernels of neighborhood attention: forward, and the gradients of queries, of keys and values, of the bias.

No kernel uses atomics: each number is written by one program, so that a run repeats bit by bit. Sums are in float32.

Constants: KERNEL is the window's side, C the head dimension, C_PAD the power of two that holds it, TILE and BLOCK the
sides of what a program owns and of what it reads at a time, SINGLE whether one block holds all that a tile needs, ALIGN
a divisor of every pixel's offset in every map, PRECISION that of float32 products. A program does its tile in `images`
batch items: what it adds to the scores of a single block, gathered at some cost, then serves them all.

Shape suffixes: q_QC queries of a tile or block, k_KC keys, s_QK scores, p_QK probabilities.
"""

import triton
import triton.language as tl

from stylenat.attention.triton_places import (
    Map,  # noqa: F401 - for the launcher
    Points,
    Run,
    Size,  # noqa: F401
    as_queries,
    block_points,
    is_empty,
    keys_of,
    load_numbers,
    load_points,
    offsets,
    queries_of,
    store_points,
    take_work,
    tile_points,
)

LOG2_E = tl.constexpr(1.4426950408889634)
# The maximum before any key was seen: finite, so that its difference to a masked score, -inf, is never NaN.
LOWEST = tl.constexpr(-1e30)


@triton.jit
def _mask(bias, head, query, key, KERNEL: tl.constexpr, FLIPPED: tl.constexpr):
    """What is added to the scaled products of queries and keys (Q, K): the bias, or -inf outside the windows.

    A flipped bias is one by query - key. Triton spreads a load's threads along the axis on which addresses rise; that
    should be the one whose places change from block to block, so that a thread has few of them to compute anew.
    """
    SIDE: tl.constexpr = 2 * KERNEL - 1
    # Unsigned, a key before the window is one far behind it: a single comparison an axis.
    from_start_y = (key.y[None, :] - query.start_y[:, None]).to(tl.uint32, bitcast=True)
    from_start_x = (key.x[None, :] - query.start_x[:, None]).to(tl.uint32, bitcast=True)
    inside = (from_start_y < KERNEL) & (from_start_x < KERNEL)
    if bias is None:
        return tl.where(inside, 0.0, float("-inf"))
    else:
        # The cell is key - query + K - 1 along both axes: a difference of flat numbers.
        pointer = bias + head * (SIDE * SIDE) + (KERNEL - 1) * (SIDE + 1)
        query_cell, key_cell = query.y * SIDE + query.x, key.y * SIDE + key.x
        if FLIPPED:
            pointer = (pointer - key_cell)[None, :] + query_cell[:, None]
        else:
            pointer = (pointer - query_cell)[:, None] + key_cell[None, :]
        return tl.load(pointer, mask=inside, other=float("-inf")).to(tl.float32)


@triton.jit
def forward(
    q, k, v, bias, out, lse, size, scale, images,
    KERNEL: tl.constexpr, C: tl.constexpr, C_PAD: tl.constexpr, TILE_Y: tl.constexpr, TILE_X: tl.constexpr,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr, SINGLE: tl.constexpr, ALIGN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Output and, where asked for, log-sum-exp of a query tile: the softmax renewed with each block of keys."""
    work = take_work(tl.program_id(0), size)
    if is_empty(work, TILE_Y, TILE_X):
        return
    own = tile_points(work, TILE_Y, TILE_X)
    query = as_queries(own, work, KERNEL)
    run = keys_of(work, TILE_Y, TILE_X, KERNEL)
    columns = 1 if SINGLE else tl.cdiv(run.end_x - run.x, BLOCK_X)
    blocks = 1 if SINGLE else tl.cdiv(run.end_y - run.y, BLOCK_Y) * columns
    if SINGLE:
        key = block_points(run, 0, 1, BLOCK_Y, BLOCK_X)
        mask_QK = _mask(bias, work.head, query, key, KERNEL, False)
    for image in range(work.batch * images, tl.minimum(work.batch * images + images, size.batch)):
        q_QC = load_points(q, image, work, size, own, C, C_PAD, ALIGN)
        maximum_Q = tl.full((TILE_Y * TILE_X,), LOWEST, tl.float32)
        total_Q = tl.zeros((TILE_Y * TILE_X,), tl.float32)
        out_QC = tl.zeros((TILE_Y * TILE_X, C_PAD), tl.float32)
        for block in range(blocks):
            if not SINGLE:
                key = block_points(run, block, columns, BLOCK_Y, BLOCK_X)
                mask_QK = _mask(bias, work.head, query, key, KERNEL, False)
            k_KC = load_points(k, image, work, size, key, C, C_PAD, ALIGN)
            v_KC = load_points(v, image, work, size, key, C, C_PAD, ALIGN)
            s_QK = tl.dot(q_QC, tl.trans(k_KC), input_precision=PRECISION) * scale + mask_QK
            higher_Q = tl.maximum(maximum_Q, tl.max(s_QK, 1))
            shrink_Q = tl.exp2((maximum_Q - higher_Q) * LOG2_E)
            p_QK = tl.exp2(s_QK * LOG2_E - (higher_Q * LOG2_E)[:, None])
            total_Q = total_Q * shrink_Q + tl.sum(p_QK, 1)
            out_QC = tl.dot(p_QK.to(v_KC.dtype), v_KC, out_QC * shrink_Q[:, None], input_precision=PRECISION)
            maximum_Q = higher_Q
        total_Q = tl.where(own.real, total_Q, 1.0)
        store_points(out, out_QC / total_Q[:, None], image, work, size, own, C, C_PAD, ALIGN)
        if lse is not None:
            tl.store(lse.pointer + offsets(lse, image, work, size, own, 1), maximum_Q + tl.log(total_Q), mask=own.real)


@triton.jit
def backward_queries(
    q, k, v, bias, out, lse, grad_out, delta, grad_q, size, scale, images,
    KERNEL: tl.constexpr, C: tl.constexpr, C_PAD: tl.constexpr, TILE_Y: tl.constexpr, TILE_X: tl.constexpr,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr, SINGLE: tl.constexpr, ALIGN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of a query tile, and its delta = sum over channels of out * grad_out, which the others read."""
    work = take_work(tl.program_id(0), size)
    if is_empty(work, TILE_Y, TILE_X):
        return
    own = tile_points(work, TILE_Y, TILE_X)
    query = as_queries(own, work, KERNEL)
    run = keys_of(work, TILE_Y, TILE_X, KERNEL)
    columns = 1 if SINGLE else tl.cdiv(run.end_x - run.x, BLOCK_X)
    blocks = 1 if SINGLE else tl.cdiv(run.end_y - run.y, BLOCK_Y) * columns
    if SINGLE:
        key = block_points(run, 0, 1, BLOCK_Y, BLOCK_X)
        mask_QK = _mask(bias, work.head, query, key, KERNEL, False)
    for image in range(work.batch * images, tl.minimum(work.batch * images + images, size.batch)):
        q_QC = load_points(q, image, work, size, own, C, C_PAD, ALIGN)
        grad_QC = load_points(grad_out, image, work, size, own, C, C_PAD, ALIGN)
        out_QC = load_points(out, image, work, size, own, C, C_PAD, ALIGN)
        delta_Q = tl.sum(grad_QC.to(tl.float32) * out_QC.to(tl.float32), 1)
        tl.store(delta.pointer + offsets(delta, image, work, size, own, 1), delta_Q, mask=own.real)
        lse_Q = load_numbers(lse, image, work, size, own) * LOG2_E
        grad_q_QC = tl.zeros((TILE_Y * TILE_X, C_PAD), tl.float32)
        for block in range(blocks):
            if not SINGLE:
                key = block_points(run, block, columns, BLOCK_Y, BLOCK_X)
                mask_QK = _mask(bias, work.head, query, key, KERNEL, False)
            k_KC = load_points(k, image, work, size, key, C, C_PAD, ALIGN)
            v_KC = load_points(v, image, work, size, key, C, C_PAD, ALIGN)
            s_QK = tl.dot(q_QC, tl.trans(k_KC), input_precision=PRECISION) * scale + mask_QK
            p_QK = tl.exp2(s_QK * LOG2_E - lse_Q[:, None])
            grad_p_QK = tl.dot(grad_QC, tl.trans(v_KC), input_precision=PRECISION)
            grad_s_QK = p_QK * (grad_p_QK - delta_Q[:, None])
            grad_q_QC = tl.dot(grad_s_QK.to(k_KC.dtype), k_KC, grad_q_QC, input_precision=PRECISION)
        store_points(grad_q, grad_q_QC * scale, image, work, size, own, C, C_PAD, ALIGN)


@triton.jit
def backward_keys(
    q, k, v, bias, lse, grad_out, delta, grad_k, grad_v, size, scale, images,
    KERNEL: tl.constexpr, C: tl.constexpr, C_PAD: tl.constexpr, TILE_Y: tl.constexpr, TILE_X: tl.constexpr,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr, SINGLE: tl.constexpr, ALIGN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of a tile of keys and values, over exactly the queries whose windows hold one of them."""
    work = take_work(tl.program_id(0), size)
    if is_empty(work, TILE_Y, TILE_X):
        return
    own = tile_points(work, TILE_Y, TILE_X)
    run = queries_of(work, TILE_Y, TILE_X, KERNEL)
    columns = 1 if SINGLE else tl.cdiv(run.end_x - run.x, BLOCK_X)
    blocks = 1 if SINGLE else tl.cdiv(run.end_y - run.y, BLOCK_Y) * columns
    if SINGLE:
        points = block_points(run, 0, 1, BLOCK_Y, BLOCK_X)
        mask_QK = _mask(bias, work.head, as_queries(points, work, KERNEL), own, KERNEL, True)
    for image in range(work.batch * images, tl.minimum(work.batch * images + images, size.batch)):
        k_KC = load_points(k, image, work, size, own, C, C_PAD, ALIGN)
        v_KC = load_points(v, image, work, size, own, C, C_PAD, ALIGN)
        grad_k_KC = tl.zeros((TILE_Y * TILE_X, C_PAD), tl.float32)
        grad_v_KC = tl.zeros((TILE_Y * TILE_X, C_PAD), tl.float32)
        for block in range(blocks):
            if not SINGLE:
                points = block_points(run, block, columns, BLOCK_Y, BLOCK_X)
                mask_QK = _mask(bias, work.head, as_queries(points, work, KERNEL), own, KERNEL, True)
            q_QC = load_points(q, image, work, size, points, C, C_PAD, ALIGN)
            grad_QC = load_points(grad_out, image, work, size, points, C, C_PAD, ALIGN)
            lse_Q = load_numbers(lse, image, work, size, points) * LOG2_E
            delta_Q = load_numbers(delta, image, work, size, points)
            s_QK = tl.dot(q_QC, tl.trans(k_KC), input_precision=PRECISION) * scale + mask_QK
            p_QK = tl.exp2(s_QK * LOG2_E - lse_Q[:, None])
            grad_v_KC = tl.dot(tl.trans(p_QK.to(grad_QC.dtype)), grad_QC, grad_v_KC, input_precision=PRECISION)
            grad_p_QK = tl.dot(grad_QC, tl.trans(v_KC), input_precision=PRECISION)
            grad_s_QK = p_QK * (grad_p_QK - delta_Q[:, None])
            grad_k_KC = tl.dot(tl.trans(grad_s_QK.to(q_QC.dtype)), q_QC, grad_k_KC, input_precision=PRECISION)
        store_points(grad_k, grad_k_KC * scale, image, work, size, own, C, C_PAD, ALIGN)
        store_points(grad_v, grad_v_KC, image, work, size, own, C, C_PAD, ALIGN)


@triton.jit
def backward_bias(
    q, k, v, bias, lse, grad_out, delta, size, scale, partial, splits, reach_y, reach_x, blocks, columns,
    KERNEL: tl.constexpr, C: tl.constexpr, C_PAD: tl.constexpr, TILE_Y: tl.constexpr, TILE_X: tl.constexpr,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr, ALIGN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One head's gradient of the scores in one block of keys, summed over all images and a share of the tiles.

    Here the keys begin `reach` before the tile whatever the borders do, and the last tile is shifted inside: a slot of
    the sum is then the same bias cell for every tile. Partial sums lie as (splits, heads, blocks, Q, K).
    """
    index = tl.program_id(0)
    block, head, split = index % blocks, index // blocks % size.heads, index // blocks // size.heads
    sum_QK = tl.zeros((TILE_Y * TILE_X, BLOCK_Y * BLOCK_X), tl.float32)
    for tile in range(split, size.tiles_y * size.tiles_x * size.dilation * size.dilation, splits):
        work = take_work(tile * size.heads + head, size)
        first_y = tl.maximum(tl.minimum(work.tile_y * TILE_Y, work.places_y - TILE_Y), 0)
        first_x = tl.maximum(tl.minimum(work.tile_x * TILE_X, work.places_x - TILE_X), 0)
        own = block_points(Run(first_y, first_x, work.places_y, work.places_x), 0, 1, TILE_Y, TILE_X)
        # Queries that a shifted tile shares with the one before were counted there.
        new = (own.y >= work.tile_y * TILE_Y) & (own.x >= work.tile_x * TILE_X)
        own = Points(own.y, own.x, own.real & new)
        run = Run(first_y - reach_y, first_x - reach_x, work.places_y, work.places_x)
        key = block_points(run, block, columns, BLOCK_Y, BLOCK_X)
        key = Points(key.y, key.x, key.real & (key.y >= 0) & (key.x >= 0))
        mask_QK = _mask(bias, head, as_queries(own, work, KERNEL), key, KERNEL, False)
        for image in range(size.batch):
            q_QC = load_points(q, image, work, size, own, C, C_PAD, ALIGN)
            k_KC = load_points(k, image, work, size, key, C, C_PAD, ALIGN)
            v_KC = load_points(v, image, work, size, key, C, C_PAD, ALIGN)
            grad_QC = load_points(grad_out, image, work, size, own, C, C_PAD, ALIGN)
            lse_Q = load_numbers(lse, image, work, size, own) * LOG2_E
            delta_Q = load_numbers(delta, image, work, size, own)
            s_QK = tl.dot(q_QC, tl.trans(k_KC), input_precision=PRECISION) * scale + mask_QK
            p_QK = tl.exp2(s_QK * LOG2_E - lse_Q[:, None])
            grad_p_QK = tl.dot(grad_QC, tl.trans(v_KC), input_precision=PRECISION)
            sum_QK += p_QK * (grad_p_QK - delta_Q[:, None])
    slot_Q, slot_K = tl.arange(0, TILE_Y * TILE_X), tl.arange(0, BLOCK_Y * BLOCK_X)
    slot_QK = (index.to(tl.int64) * (TILE_Y * TILE_X) + slot_Q)[:, None] * (BLOCK_Y * BLOCK_X) + slot_K[None, :]
    tl.store(partial + slot_QK, sum_QK)
