"""Networks measured in turn: each round gives every one of them its turn, so that a machine's drift meets all alike.

A network that fails drops out with its reason, and the others go on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from stylenat.core.errors import InputError
from stylenat.timing.clock import Clock, clock_for
from stylenat.timing.contender import Contender
from stylenat.timing.memory import Memory, memory_of
from stylenat.timing.precision import switches, unavailable
from stylenat.timing.session import Entry, Round
from stylenat.timing.settings import Settings
from stylenat.timing.state import read_state
from stylenat.timing.sweep import sweep
from stylenat.timing.turns import in_turn, taking_part

VERSIONS_EACH = 8  # that the compiler may make of one function for one network

Make = Callable[[], torch.nn.Module]


@dataclass(frozen=True)
class Measured:
    """What came of a session's networks."""

    entries: dict[str, Entry]
    rounds: list[Round]
    flags: dict[str, Any]
    state_before: dict[str, Any]
    state_after: dict[str, Any]


def measure(
    makers: Mapping[str, Make],
    settings: Settings,
    device: torch.device,
    seed: int,
    clock: Clock | None = None,
    memory: Memory | None = None,
    state: Callable[[torch.device], dict[str, Any]] = read_state,
) -> Measured:
    """Measure the networks that `makers` build, by name.

    Raises:
        InputError: a sweep on a CPU has no end, or there is nothing to measure.
    """
    if not makers:
        raise InputError("found no model to measure, expected at least one")
    if settings.sweep and device.type != "cuda" and settings.largest_batch is None:
        raise InputError(
            "a sweep on a CPU needs 'largest_batch' among the protocol's parameters: memory does not end it"
        )
    clock, memory = clock or clock_for(device), memory or memory_of(device)
    everyone = [Contender(name, settings, device, seed, clock, memory) for name in makers]
    _build(everyone, makers)
    with torch.inference_mode(), switches(settings) as flags, _compiler(settings, len(everyone)):
        if settings.sweep:
            sweep(everyone, None if device.type == "cuda" else settings.largest_batch)
        for one in taking_part(everyone):
            one.attempt("warm-up", partial(one.warm_up, settings.warmup, settings.warmup_seconds))
        before = state(device)
        rounds = [_round(everyone, index) for index in range(settings.rounds)]
        after = state(device)
        if settings.parts:
            _time_parts(everyone, settings.rounds)
    return Measured({one.name: _entry(one) for one in everyone}, rounds, flags, before, after)


def _build(everyone: Sequence[Contender], makers: Mapping[str, Make]) -> None:
    """Build every network, unless the device lacks the precision."""
    for one in everyone:
        one.reason = unavailable(one.settings.precision, one.device) or ""
        if not one.reason:
            one.attempt("building", partial(one.build, makers[one.name]))


def _compiler(settings: Settings, networks: int) -> AbstractContextManager[object]:
    """Room for all networks: those of one class share a count of versions, past which they run uncompiled, unsaid."""
    if not settings.compiled:
        return nullcontext()
    limit = VERSIONS_EACH * networks
    return torch._dynamo.config.patch(recompile_limit=limit, fail_on_recompile_limit_hit=True)


def _round(everyone: Sequence[Contender], index: int) -> Round:
    """One turn of each network that still takes part."""
    turns: dict[str, list[float]] = {}
    for one in in_turn(taking_part(everyone), index):
        samples = one.attempt(f"round {index + 1}", one.turn)
        if samples is not None:
            turns[one.name] = samples
    return Round(order=list(turns), seconds=turns)


def _time_parts(everyone: Sequence[Contender], rounds: int) -> None:
    """Parts of each network, in turn; one whose parts can't be timed keeps its rounds."""
    going = taking_part(everyone)
    for index in range(rounds):
        for one in in_turn([one for one in going if not one.parts_end], index):
            one.attempt("parts", one.time_parts)
            one.parts_end, one.reason = one.reason, ""


def _entry(one: Contender) -> Entry:
    reached = bool(one.warmup_seconds)
    return Entry(
        status="failed" if one.reason else "ok",
        reason=one.reason,
        batch_size=one.batch_size if reached else None,
        calls=one.calls if reached else None,
        first_call_seconds=one.warmup_seconds[0] if reached else None,
        warmup_seconds=one.warmup_seconds,
        curve=one.curve,
        sweep_end=one.sweep_end,
        peak_bytes=one.peak_bytes,
        parts=one.parts,
        parts_end=one.parts_end,
    )
