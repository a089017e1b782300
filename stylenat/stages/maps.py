"""Stage `maps`: where every head of a StyleNAT looks while it makes one image.

For each attention module a PNG: heads side by side, above the weights of the position in the middle, below what each
position gets from all positions; white is each map's greatest value. The numbers are in one .npz, the heads' kernel
sizes and dilations in `maps.json`.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylenat.attention.maps import Maps, recorded
from stylenat.core.cards import ModelCard
from stylenat.core.device import backend, get_device
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path, sha256_file, write_json
from stylenat.core.images import to_uint8
from stylenat.core.seeds import latents
from stylenat.sampling.build import build_generator

KINDS = ("middle", "received")
LEAST_SIDE = 128  # px of a map in the picture; smaller ones are enlarged


def run(model: ModelCard, weights: Path, seed: int, index: int, out: Path, device: str = "cpu") -> None:
    """Write the maps of image `index` of a seed, and the image itself, into the folder `out`.

    Raises:
        InputError: the model has no neighborhood attention, or its weights are not there or another network's.
    """
    where = get_device(device)
    generator = build_generator(model, weights).to(where)
    z_BZ = latents(seed, range(index, index + 1), generator.spec.z_dim).to(where)
    with torch.inference_mode(), backend(), recorded(generator) as found:
        pixel_BCHW = to_uint8(generator(z_BZ), generator.spec).cpu()
    if not found:
        raise InputError(f"model '{model.name}' has no neighborhood attention, of which maps could be made")
    out = Path(out)
    _save(out / "image.png", pixel_BCHW[0].permute(1, 2, 0).numpy())
    for maps in found:
        _save(out / f"{maps.name}.png", _picture(maps))
    numbers = {f"{maps.name}.{kind}": getattr(maps, f"{kind}_NHW").cpu().numpy() for maps in found for kind in KINDS}
    with atomic_path(out / "maps.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **numbers)
    heads = {maps.name: {"kernel_sizes": maps.kernel_sizes, "dilations": maps.dilations} for maps in found}
    made = {"model": model.name, "weights_sha256": sha256_file(weights), "seed": seed, "index": index}
    write_json(out / "maps.json", {**made, "modules": heads})


def _picture(maps: Maps) -> np.ndarray:
    rows = [torch.cat([_shade(x_HW) for x_HW in getattr(maps, f"{kind}_NHW").cpu()], dim=1) for kind in KINDS]
    return torch.cat(rows).numpy()


def _shade(map_HW: torch.Tensor) -> torch.Tensor:
    """Grey levels, with a grey line to the right and below."""
    grey_HW = (map_HW / map_HW.max().clamp_min(1e-12) * 255).round().to(torch.uint8)
    factor = max(1, LEAST_SIDE // len(grey_HW))
    grey_HW = grey_HW.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    return torch.nn.functional.pad(grey_HW, (0, 2, 0, 2), value=128)


def _save(path: Path, picture: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
