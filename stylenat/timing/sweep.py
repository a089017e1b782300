"""Batches of 1, 2, 4, ... for every network in turn: the curve of its speed, and the batch size where it peaks."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stylenat.timing.contender import Contender
from stylenat.timing.session import Point
from stylenat.timing.turns import in_turn, taking_part

WARMUP = 2  # calls at each batch size: the first may look for the fastest algorithms
ROUNDS = 3


def sweep(everyone: Sequence[Contender], limit: int | None) -> None:
    """Give every network its curve, and the batch size at which it makes the most images a second.

    It ends where a batch fails, or past `limit`.
    """
    going, batch_size = taking_part(everyone), 1
    while going and (limit is None or batch_size <= limit):
        points = _points(going, batch_size)
        for one in going:
            if one.name in points:
                one.curve.append(points[one.name])
        going, batch_size = [one for one in going if one.name in points], 2 * batch_size
    for one in going:
        one.sweep_end = f"the protocol's largest batch on a CPU is {limit}"
    for one in taking_part(everyone):
        one.batch_size = max(one.curve, key=_images_a_second).batch_size
        one.peak_bytes = None


def _points(going: Sequence[Contender], batch_size: int) -> dict[str, Point]:
    """One batch size of the curves, of every network that it fits."""
    seconds: dict[str, list[float]] = {one.name: [] for one in going}
    for one in going:
        one.batch_size, one.peak_bytes = batch_size, None
        _try_batch(one, partial(one.warm_up, WARMUP))
    for index in range(ROUNDS):
        for one in in_turn([one for one in going if not (one.reason or one.sweep_end)], index):
            seconds[one.name] += _try_batch(one, one.turn) or []
    return {
        one.name: Point(batch_size=batch_size, calls=one.calls, seconds=seconds[one.name], peak_bytes=one.peak_bytes)
        for one in going
        if not (one.reason or one.sweep_end)
    }


def _try_batch(one: Contender, step: Callable[[], Any]) -> Any:
    """As `attempt`, but a failure ends the network's sweep; only one at the first batch size makes it drop out."""
    result = one.attempt(f"batch {one.batch_size}", step)
    if one.reason and one.curve:
        one.sweep_end, one.reason = one.reason, ""
    return result


def _images_a_second(point: Point) -> float:
    return point.batch_size * point.calls / statistics.median(point.seconds)
