"""Stage `simulate`: draws of known truth, which show what the error bars of a Fréchet distance are worth."""

from pathlib import Path

from stylenat.core.files import write_json
from stylenat.core.simulated import Setup
from stylenat.core.strict import parse
from stylenat.frechet.simulation import simulate


def run(out: Path, draws: int | None = None) -> None:
    """Write the simulation as JSON; the same draws give the same bytes.

    Args:
        draws: of the fakes; fewer than the default's also shorten the bootstrap and the curve of the bias.

    Raises:
        InputError: there are fewer than two draws.
    """
    setup = Setup()
    if draws is not None:
        fewer = {key: min(getattr(setup, key), draws) for key in ("bootstrap_draws", "curve_draws")}
        setup = parse({"draws": draws, **fewer}, Setup, "--draws")
    write_json(out, simulate(setup).model_dump(mode="json"))
