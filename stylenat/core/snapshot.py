"""A network's weights as a file that is used: safetensors with what they are, and a card for what was imported."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, write_json

CARD_SUFFIX = ".json"


class Imported(dict[str, Tensor]):
    """A state dict from a foreign file, with what its reader found there: plain values, for the card."""

    def __init__(self, state: Mapping[str, Tensor], found: Mapping[str, Any]) -> None:
        super().__init__(state)
        self.found = dict(found)


def card_path(path: Path) -> Path:
    """Where the card of a snapshot lies; a snapshot that has the card's own name raises InputError."""
    if Path(path).suffix == CARD_SUFFIX:
        raise InputError(f"{path}: found suffix {CARD_SUFFIX}, expected another: the snapshot's card has this one")
    return Path(path).with_suffix(CARD_SUFFIX)


def write_snapshot(
    state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str], card: Mapping[str, Any] | None = None
) -> None:
    """Write a state dict as safetensors, atomically; equal weights and metadata give equal bytes.

    A card becomes a JSON file beside it, with the snapshot's sha256 added. It is there before the snapshot has its
    name, so that no snapshot is ever without its card.
    """
    content = save({name: value.detach().cpu().contiguous() for name, value in state.items()})
    content = _with_metadata(content, metadata)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        if card is not None:
            write_json(card_path(path), {**card, "snapshot_sha256": hashlib.sha256(content).hexdigest()})


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into a safetensors header in sorted order: the library's own order is random, and so is its hash."""
    size = int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(content[8 : 8 + size])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns tensors to 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def read_snapshot(path: Path, model: str) -> dict[str, Tensor]:
    """The state in a snapshot of the named model; another model's, or no safetensors file, raises InputError."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None
    made_for = metadata.get("model", model)
    if made_for != model:
        raise InputError(f"{path}: holds weights of model '{made_for}', expected '{model}'")
    return state
