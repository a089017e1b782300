"""Stage `import`: a published checkpoint becomes a safetensors snapshot with a card that says what was found."""

from pathlib import Path

from stylenat.core.cards import ModelCard
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.core.interface import Part
from stylenat.core.registry import load_family
from stylenat.core.snapshot import Imported, write_snapshot


def run(model: ModelCard, weights: Path, out: Path, part: Part = "generator") -> None:
    """Read one network of a model's published checkpoint, from the folder `weights`, and write it to `out`.

    Beside it lies its card, of the same name with the suffix .json: where the weights are from, and how they were read.

    Raises:
        InputError: the card imports nothing, the file is missing or has another sha256, or holds another network.
    """
    card = model.weights.imported
    if card is None or model.family is None:
        raise InputError(f"model '{model.name}' has no checkpoint to import: its card has no weights.import")
    source = Path(weights) / card.file
    if not source.is_file():
        expected = f", sha256 {card.sha256}" if card.sha256 else ""
        raise InputError(f"{source}: no such file; put the checkpoint of '{model.name}' there{expected} ({card.url})")
    sha256 = sha256_file(source)
    if card.sha256 is not None and sha256 != card.sha256:
        raise InputError(f"{source}: sha256 is {sha256}, expected {card.sha256}")
    state = load_family(model.family).import_checkpoint(source, model.arch, part)
    origin = {"file": card.file, "sha256": sha256, "bytes": source.stat().st_size}
    found = state.found if isinstance(state, Imported) else {}
    metadata = {"model": model.name, "part": part, "source": card.file, "source_sha256": sha256}
    write_snapshot(state, out, metadata, {**found, "model": model.name, "part": part, "source": origin})
