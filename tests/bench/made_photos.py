"""Made-up photographs of FFHQ's size: 1024 px, 1.3 MB as a PNG, 85 kB at a quarter of the side.

Broad shades with a photograph's falling spectrum, fine structure in parts of the image (hair and cloth against a
blurred background), and a camera's grain.
"""

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

SIDE_PX = 1024


@lru_cache(maxsize=1)
def _frequencies() -> np.ndarray:
    rows, columns = np.fft.fftfreq(SIDE_PX) * SIDE_PX, np.fft.rfftfreq(SIDE_PX) * SIDE_PX
    found = np.hypot(rows[:, None], columns[None, :])
    found[0, 0] = 1
    return found


def _field(rng: np.random.Generator, slope: float) -> np.ndarray:
    """A random field of unit deviation, with amplitudes that fall with the frequency."""
    spectrum = np.fft.rfft2(rng.normal(size=(SIDE_PX, SIDE_PX))) / _frequencies() ** slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(SIDE_PX, SIDE_PX))
    return field / field.std()


def photograph(index: int) -> np.ndarray:
    """One image, (1024, 1024, 3) uint8."""
    rng = np.random.default_rng(index)
    textured = np.clip(_field(rng, 2.0) * 1.2 + 0.3, 0, 1)
    light = 128 + 45 * _field(rng, 2.2) + 13 * textured * _field(rng, 0.9) + 0.5 * rng.normal(size=(SIDE_PX, SIDE_PX))
    colours = [light + 12 * _field(rng, 2.2) for _ in range(3)]
    return np.clip(np.stack(colours, axis=-1), 0, 255).astype(np.uint8)


def _write(job: tuple[int, Path]) -> None:
    index, path = job
    temporary = path.with_suffix(".tmp")
    Image.fromarray(photograph(index)).save(temporary, "png")  # level 6, as FFHQ's files
    os.replace(temporary, path)


def write_photographs(folder: Path, count: int) -> list[Path]:
    """PNG files 00000.png, ...; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:05d}.png" for index in range(count)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write, [(index, path) for index, path in enumerate(paths) if not path.exists()]))
    return paths


def write_list(paths: list[Path], out: Path) -> Path:
    """FFHQ's list of what these files must be."""
    entries = {}
    for number, path in enumerate(paths):
        data = path.read_bytes()
        with Image.open(path) as image:
            md5 = hashlib.md5(np.asarray(image)).hexdigest()
        image = {
            "file_path": path.name,
            "file_size": len(data),
            "file_md5": hashlib.md5(data).hexdigest(),
            "pixel_size": [SIDE_PX, SIDE_PX],
            "pixel_md5": md5,
        }
        entries[str(number)] = {"category": "training", "image": image}
    out.write_text(json.dumps(entries))
    return out


def multiply(paths: list[Path], folder: Path, times: int) -> list[Path]:
    """A larger folder of the same files under other names: hard links."""
    folder.mkdir(parents=True, exist_ok=True)
    linked = []
    for number in range(times * len(paths)):
        path = folder / f"{number:05d}.png"
        if not path.exists():
            os.link(paths[number % len(paths)], path)
        linked.append(path)
    return linked
