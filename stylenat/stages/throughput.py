"""Stage `throughput`: all networks of a run under one protocol, timed in turn in one process, become one session."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from stylenat.core import device as devices
from stylenat.core.cards import ModelCard, ProtocolCard
from stylenat.core.errors import InputError
from stylenat.core.provenance import git_state, versions
from stylenat.core.records import now
from stylenat.sampling.build import build_generator
from stylenat.timing import rounds
from stylenat.timing.session import Session, write_session
from stylenat.timing.settings import parse_settings


def run(
    *,
    protocol: ProtocolCard,
    models: Sequence[ModelCard],
    seed: int,
    out: Path,
    device: str,
    code: str,
    command: str,
) -> None:
    """Measure and write the session `out`; a network that failed stands in it with its reason.

    Raises:
        InputError: the protocol is no timing, its parameters are bad, or there is no such device.
    """
    if not protocol.timed:
        raise InputError(f"protocol '{protocol.name}' is no timing: its card has no 'timed: true'")
    settings = parse_settings(protocol.parameters, f"protocol '{protocol.name}': parameters")
    where, started, created = devices.get_device(device), time.perf_counter(), now()
    makers = {model.name: partial(_network, model, seed) for model in models}
    measured = rounds.measure(makers, settings, where, seed)
    session = Session(
        protocol=protocol.name,
        protocol_version=protocol.version,
        seed=seed,
        parameters=protocol.parameters,
        timed=settings.what,
        entries=measured.entries,
        rounds=measured.rounds,
        state_before=measured.state_before,
        state_after=measured.state_after,
        device=devices.describe(where),
        flags=measured.flags,
        versions=dict(versions()),
        git=dict(git_state()),
        code=code,
        command=command,
        created=created,
        wall_seconds=time.perf_counter() - started,
    )
    write_session(out, session)
    _tell_failures(session)


def _tell_failures(session: Session) -> None:
    for name, entry in session.entries.items():
        if entry.status == "failed":
            print(f"'{name}' under '{session.protocol}', seed {session.seed}: {entry.reason}", file=sys.stderr)


def _network(model: ModelCard, seed: int) -> torch.nn.Module:
    """A network with seeded random weights: speed does not depend on them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_generator(model, None)
