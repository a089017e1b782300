"""A network's weights as a file that is used: safetensors with what they are."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from stylenat.core.files import atomic_path


def write_snapshot(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a state dict as safetensors, atomically; equal weights and metadata give equal bytes."""
    content = save({name: value.detach().cpu().contiguous() for name, value in state.items()})
    with atomic_path(path) as temporary:
        temporary.write_bytes(_with_metadata(content, metadata))


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into a safetensors header in sorted order: the library's own order is random, and so is its hash."""
    size = int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(content[8 : 8 + size])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns tensors to 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
