"""Resizing by Pillow, one image at a time on the CPU's cores, for extractors whose class is defined by Pillow.

Shape suffixes: pixel_BCHW uint8 images; resized_BCHW the same images at another size, in the dtype of the resizer.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from stylenat.data.stream import usable_cores
from stylenat.features._load import quiet


def resize_each(pixel_BCHW: torch.Tensor, resize: Callable[[np.ndarray], np.ndarray]) -> torch.Tensor:
    """Every image through `resize`, which takes and gives (H, W, 3); the result lies on the images' device.

    Pillow leaves the interpreter free while it works, so that threads share the images of a batch.
    """
    pixel_BHWC = np.ascontiguousarray(pixel_BCHW.permute(0, 2, 3, 1).cpu().numpy())
    with quiet(), ThreadPoolExecutor(usable_cores()) as threads:
        resized = list(threads.map(resize, pixel_BHWC))
    resized_BCHW = np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))
    return torch.from_numpy(resized_BCHW).to(pixel_BCHW.device)
