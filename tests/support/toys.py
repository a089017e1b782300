"""Networks, cards and images that are small enough for unit tests."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylenat.core.cards import DatasetCard, DetectorCard, ModelCard, ProtocolCard
from stylenat.core.errors import InputError
from stylenat.core.interface import GeneratorSpec


class ToyGenerator(torch.nn.Module):
    """A linear generator of images of 8 px."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.spec = GeneratorSpec(z_dim=4, resolution=8)
        self.mapping = torch.nn.Linear(4, 6)
        self.synthesis = torch.nn.Linear(6, 3 * 8 * 8, bias=False)
        self.register_buffer("scale", torch.tensor(float(scale)))

    def forward(self, z_BZ, labels_B=None):
        return (self.scale * self.synthesis(self.mapping(z_BZ))).view(-1, 3, 8, 8)


class ToyFamily:
    """A family of toys; `images` in `arch` is what a control would be given."""

    def build_generator(self, arch):
        if set(arch) - {"scale", "images"}:
            raise InputError(f"unknown key in {sorted(arch)}")
        generator = ToyGenerator(arch.get("scale", 1.0))
        generator.images = arch.get("images")
        return generator

    def build_discriminator(self, arch):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 1))


def model_card(**changes):
    card = {
        "name": "toy",
        "title": "Toy",
        "method": "Toy",
        "family": "baselines.toy",
        "weights": {"train": "toy"},
        "reference": "none",
        "licence": "MIT",
    }
    return ModelCard.model_validate(card | changes)


def dataset_card(count, resolution, resize_filter="none", **changes):
    card = {
        "name": "toyset",
        "title": "Toy set",
        "source": {"kind": "files", "path": "raw"},
        "licence": "MIT",
        "reference": "none",
        "count": count,
        "resolution": resolution,
        "resize_filter": resize_filter,
        "flips": False,
    }
    return DatasetCard.model_validate(card | changes)


def detector_card(**changes):
    card = {
        "name": "toydetector",
        "title": "Toy detector",
        "extractor": "inception-v3-compat",
        "layer": "64",
        "preprocessing": "tensorflow",
        "weights": {"random_seed": 0},
        "comparable": False,
        "reason": "random weights",
        "reference": "none",
    }
    return DetectorCard.model_validate(card | changes)


def protocol_card(metric, **changes):
    needs = {"fid": "moments", "kid": "features"}.get(metric, "model")
    on_images = {"detector": "toydetector", "fake_count": 40} if needs != "model" else {}
    card = {
        "name": f"toy-{metric}",
        "title": "Toy protocol",
        "metric": metric,
        "needs": needs,
        "version": 3,
        "changes": "3: the third",
        "reference": "none",
    }
    return ProtocolCard.model_validate(card | on_images | changes)


def photo(index, size=16):
    """A noisy picture, (size, size, 3) uint8, different for each index."""
    return np.random.default_rng(index).integers(0, 256, (size, size, 3), dtype=np.uint8)


def write_photos(folder: Path, count, size=16, start=0):
    """PNG files 000.png, 001.png, ... in a new folder."""
    folder.mkdir(parents=True)
    for index in range(count):
        Image.fromarray(photo(start + index, size)).save(folder / f"{index:03d}.png")
    return folder
