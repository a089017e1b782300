"""Stage `import`: a published checkpoint becomes a safetensors snapshot."""

from pathlib import Path

from stylenat.core.cards import ModelCard
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.core.registry import load_family
from stylenat.core.snapshot import write_snapshot


def run(model: ModelCard, weights: Path, out: Path) -> None:
    """Read a model's published checkpoint from the folder `weights` and write its generator to `out`.

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
    found = sha256_file(source)
    if card.sha256 is not None and found != card.sha256:
        raise InputError(f"{source}: sha256 is {found}, expected {card.sha256}")
    state = load_family(model.family).import_checkpoint(source, model.arch)
    metadata = {"model": model.name, "source": card.file, "source_sha256": found}
    write_snapshot(state, out, metadata)
