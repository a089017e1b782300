# ruff: noqa: ANN001, ANN201, ANN202 - Triton would take annotations for types of its own
"""The Triton kernels around instance norms: a sum with its moments, and a modulation.

Moments are Welford's, in float32: every slot of a block keeps a mean and a sum of squared deviations of the tokens that
it sees, and these are merged by Chan's formula, within a program and then over programs. No number is the small
difference of large ones, and no kernel uses atomics: a run repeats bit by bit.

Tensors are pairs of memory and strides (batch, token); channels lie side by side. Shape suffixes: x_TC a block of
tokens, mean_TC its slots' means, mean_SC those of splits.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl


class Tokens(NamedTuple):
    """A tensor (B, T, C): its memory, and its strides but for that of C, which is 1."""

    pointer: Any
    batch: Any
    token: Any


@triton.jit
def _pointers(x, batch, token, channel):
    """Where a block's elements lie. 64 bits: large maps pass 2^31 elements."""
    offset = batch.to(tl.int64) * x.batch + token.to(tl.int64) * x.token
    return (x.pointer + offset)[:, None] + channel[None, :]


@triton.jit
def _merge(mean, deviations, count):
    """Mean and squared deviations over axis 0 of groups that have them; counts are (groups, 1), some of them zero."""
    total = tl.sum(count, 0)
    merged = tl.sum(mean * count, 0) / total
    apart = mean - merged[None, :]
    return merged, tl.sum(deviations + apart * apart * count, 0)


@triton.jit
def sum_with_moments(
    x, y, total, partial_mean, partial_deviations, tokens, channels, splits, split_tokens,
    BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """x + y, if there is a y, and the moments of one split of the result's tokens; partials are (B, splits, C)."""
    index = tl.program_id(0)
    blocks = tl.cdiv(channels, BLOCK_C)
    channel = index % blocks * BLOCK_C + tl.arange(0, BLOCK_C)
    split, batch = index // blocks % splits, index // blocks // splits
    begin = split * split_tokens
    end = tl.minimum(begin + split_tokens, tokens)
    slot = tl.arange(0, BLOCK_T)
    mean_TC = tl.zeros((BLOCK_T, BLOCK_C), tl.float32)
    deviations_TC = tl.zeros((BLOCK_T, BLOCK_C), tl.float32)
    for step in range(tl.cdiv(end - begin, BLOCK_T)):
        token = begin + step * BLOCK_T + slot
        mask = (token < end)[:, None] & (channel < channels)[None, :]
        x_TC = tl.load(_pointers(x, batch, token, channel), mask=mask, other=0.0)
        if y is not None:
            y_TC = tl.load(_pointers(y, batch, token, channel), mask=mask, other=0.0)
            # The moments are those of what is written, rounded to its dtype.
            x_TC = (x_TC.to(tl.float32) + y_TC.to(tl.float32)).to(total.pointer.dtype.element_ty)
            tl.store(_pointers(total, batch, token, channel), x_TC, mask=mask)
        value_TC = x_TC.to(tl.float32)
        before_TC = tl.where(mask, value_TC - mean_TC, 0.0)
        mean_TC += before_TC * (1.0 / (step + 1))
        deviations_TC += before_TC * tl.where(mask, value_TC - mean_TC, 0.0)
    count = tl.maximum((end - begin - slot + BLOCK_T - 1) // BLOCK_T, 0).to(tl.float32)
    mean_C, deviations_C = _merge(mean_TC, deviations_TC, count[:, None])
    offset = (batch * splits + split).to(tl.int64) * channels + channel
    tl.store(partial_mean + offset, mean_C, mask=channel < channels)
    tl.store(partial_deviations + offset, deviations_C, mask=channel < channels)


@triton.jit
def merge_moments(
    partial_mean, partial_deviations, mean, variance, tokens, channels, splits, split_tokens,
    BLOCK_S: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Mean and biased variance (B, C) out of all splits' moments."""
    index = tl.program_id(0)
    blocks = tl.cdiv(channels, BLOCK_C)
    channel, batch = index % blocks * BLOCK_C + tl.arange(0, BLOCK_C), index // blocks
    split = tl.arange(0, BLOCK_S)
    mask = (split < splits)[:, None] & (channel < channels)[None, :]
    offset = (batch * splits + split).to(tl.int64)[:, None] * channels + channel[None, :]
    mean_SC = tl.load(partial_mean + offset, mask=mask, other=0.0)
    deviations_SC = tl.load(partial_deviations + offset, mask=mask, other=0.0)
    count = tl.minimum(tl.maximum(tokens - split * split_tokens, 0), split_tokens).to(tl.float32)
    mean_C, deviations_C = _merge(mean_SC, deviations_SC, count[:, None])
    tl.store(mean + batch * channels + channel, mean_C, mask=channel < channels)
    tl.store(variance + batch * channels + channel, deviations_C / tokens, mask=channel < channels)


@triton.jit
def modulate(x, scale, shift, out, tokens, channels, BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr):
    """x * scale + shift in float32; scale and shift are (B, 1, C)."""
    index = tl.program_id(0)
    blocks, rows = tl.cdiv(channels, BLOCK_C), tl.cdiv(tokens, BLOCK_T)
    channel = index % blocks * BLOCK_C + tl.arange(0, BLOCK_C)
    token = index // blocks % rows * BLOCK_T + tl.arange(0, BLOCK_T)
    batch = index // blocks // rows
    mask = (token < tokens)[:, None] & (channel < channels)[None, :]
    x_TC = tl.load(_pointers(x, batch, token, channel), mask=mask, other=0.0).to(tl.float32)
    scale_C = tl.load(scale.pointer + batch * scale.batch + channel, mask=channel < channels, other=0.0).to(tl.float32)
    shift_C = tl.load(shift.pointer + batch * shift.batch + channel, mask=channel < channels, other=0.0).to(tl.float32)
    out_TC = x_TC * scale_C[None, :] + shift_C[None, :]
    tl.store(_pointers(out, batch, token, channel), out_TC.to(out.pointer.dtype.element_ty), mask=mask)
