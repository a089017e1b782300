"""Where images come from: a generator with a seed, or a prepared set. Cheap to hand to another process; no torch yet.

Shape suffixes: pixel_BCHW uint8 images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylenat.core import provenance
from stylenat.core.cards import ModelCard
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file, sha256_json
from stylenat.data.manifest import read_manifest

if TYPE_CHECKING:
    import torch

Batches = Callable[[range, int], Iterator["torch.Tensor"]]


@dataclass(frozen=True)
class GeneratedImages:
    """A model's images 0, 1, 2 ... of a seed."""

    model: ModelCard
    weights: Path
    seed: int

    @property
    def label(self) -> str:
        """A few words for a progress bar."""
        return f"{self.model.name}, seed {self.seed}"

    def identity(self) -> dict[str, Any]:
        """What decides the images: family, weights, architecture, code, seed; unreadable weights raise InputError."""
        model = self.model
        if model.weights.none is not None:
            raise InputError(f"model '{model.name}' can't be sampled: {model.weights.none}")
        control = model.weights.dataset is not None
        weights = read_manifest(self.weights).fingerprint if control else sha256_file(self.weights)
        code, arch = provenance.model_code(model), sha256_json(model.arch)
        network = {"family": model.family, "weights_sha256": weights, "arch": arch, "code": code}
        return {"kind": "generated", "seed": self.seed, **network}

    def open(self, device: "torch.device") -> Batches:
        """The images of any range of indices in batches, uint8 (B, 3, H, W) on the device."""
        from stylenat.sampling.build import build_generator
        from stylenat.sampling.sample import generate

        generator = build_generator(self.model, self.weights).to(device)
        return lambda rows, batch_size: generate(generator, self.seed, rows, batch_size, device)


@dataclass(frozen=True)
class PreparedSet:
    """The images of a prepared set, in order."""

    manifest: Path

    @property
    def label(self) -> str:
        """A few words for a progress bar."""
        return read_manifest(self.manifest).dataset

    def identity(self) -> dict[str, Any]:
        """What decides the images: the set's fingerprint; a broken manifest raises InputError."""
        return {"kind": "prepared", "fingerprint": read_manifest(self.manifest).fingerprint}

    @property
    def count(self) -> int:
        """The number of images."""
        return read_manifest(self.manifest).count

    def open(self, device: "torch.device") -> Batches:
        """The images of any range of indices in batches, uint8 (B, 3, H, W)."""
        from stylenat.data.view import open_prepared

        images = open_prepared(self.manifest)

        def batches(rows: range, batch_size: int) -> Iterator["torch.Tensor"]:
            if rows.stop > len(images):
                raise InputError(f"{self.manifest}: found {len(images)} images, expected {rows.stop}")
            for start in range(rows.start, rows.stop, batch_size):
                yield images.images_at(range(start, min(start + batch_size, rows.stop)))

        return batches
