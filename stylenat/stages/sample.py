"""Stage `sample`: uint8 images of a model, generated from a seed.

Shape suffixes: pixel_NCHW uint8 images.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from stylenat.core.cards import ModelCard
from stylenat.core.device import get_device
from stylenat.core.errors import InputError
from stylenat.core.files import atomic_path
from stylenat.sampling.build import build_generator
from stylenat.sampling.sample import generate

BATCH_SIZE = 16


def run(
    model: ModelCard, weights: Path | None, seed: int, count: int, out: Path, device: str, batch_size: int = BATCH_SIZE
) -> None:
    """Write images 0 ... count - 1 of a seed to `out`, a `.npy` of uint8 (N, 3, H, W).

    Raises:
        InputError: the weights are missing or another network's, an image is not finite, or the device is not there.
    """
    if weights is None:
        reason = model.weights.none or "no weights were given"
        raise InputError(f"model '{model.name}' can't be sampled: {reason}")
    if count < 1 or batch_size < 1:
        raise InputError(f"count is {count} and batch size {batch_size}, expected at least 1 of each")
    where = get_device(device)
    generator = build_generator(model, weights).to(where)
    side_px = generator.spec.resolution
    with atomic_path(out) as temporary, tqdm(total=count, desc=f"sample {model.name}", disable=None) as progress:
        pixel_NCHW = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(count, 3, side_px, side_px))
        start = 0
        for pixel_BCHW in generate(generator, seed, range(count), batch_size, where):
            pixel_NCHW[start : start + len(pixel_BCHW)] = pixel_BCHW.cpu().numpy()
            start += len(pixel_BCHW)
            progress.update(len(pixel_BCHW))
        pixel_NCHW.flush()
