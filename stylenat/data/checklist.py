"""What the images of a set must be: the official list of FFHQ, or the manifest of a set that somebody prepared.

FFHQ's `ffhq-dataset-v2.json` maps "0", "1", ... to entries with `category` and `image`: file_path, file_url, file_size,
file_md5, pixel_size [width, height] and pixel_md5, the MD5 of the (H, W, 3) bytes (github.com/NVlabs/ffhq-dataset).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import NonNegativeInt, PositiveInt, ValidationError

from stylenat.core.cards import Md5, RawFile
from stylenat.core.errors import InputError
from stylenat.core.files import CHUNK_BYTES
from stylenat.core.strict import Strict
from stylenat.data.manifest import read_manifest


class Expected(Strict):
    """One image as it must be; what a list doesn't say is None."""

    name: str
    pixel_md5: Md5
    side_px: PositiveInt
    file_path: str | None = None
    file_url: str | None = None
    file_size: NonNegativeInt | None = None
    file_md5: Md5 | None = None
    category: str | None = None


@dataclass(frozen=True)
class Checklist:
    """The images of a set in order, and the file that says so."""

    place: str
    md5: str  # of the file
    images: tuple[Expected, ...]

    @cached_property
    def numbers(self) -> Mapping[str, list[int]]:
        """The numbers of the images that have a pixel MD5; more than one where the set holds an image twice."""
        found: dict[str, list[int]] = {}
        for number, image in enumerate(self.images):
            found.setdefault(image.pixel_md5, []).append(number)
        return found


def check_file(path: Path, expected: RawFile) -> None:
    """Compare a file with the size and the MD5 that a card gives.

    Raises:
        InputError: the file is missing, shorter, longer or another one.
    """
    origin = f" ({expected.url})" if expected.url else ""
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected {expected.bytes} bytes{origin}")
    size = path.stat().st_size
    if size != expected.bytes:
        fault = "it is truncated" if size < expected.bytes else "it is another file"
        raise InputError(f"{path}: found {size} bytes, expected {expected.bytes}: {fault}{origin}")
    found = md5_file(path)
    if found != expected.md5:
        raise InputError(f"{path}: its md5 is {found}, expected {expected.md5}: it was altered{origin}")


def md5_file(path: Path) -> str:
    """MD5 of a file's bytes, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_checklist(path: Path) -> Checklist:
    """Read FFHQ's official list, or a manifest that `prepare` wrote.

    Raises:
        InputError: the file is neither, or an entry of it is not sound.
    """
    try:
        text = Path(path).read_bytes()
        data = json.loads(text, object_hook=_needed)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
    if isinstance(data, dict) and "pixel_md5" in data:
        return Checklist(str(path), md5, tuple(_of_manifest(path)))
    if not isinstance(data, dict) or "0" not in data:
        raise InputError(f"{path}: found neither FFHQ's list of images nor a manifest of a prepared set")
    return Checklist(str(path), md5, tuple(_of_official(data, str(path))))


def _needed(part: dict[str, Any]) -> dict[str, Any]:
    """An image's entry without its landmarks and photographer, four fifths of FFHQ's list, dropped as they are read."""
    return {key: part[key] for key in ("category", "image") if key in part} if "in_the_wild" in part else part


def _of_manifest(path: Path) -> Iterable[Expected]:
    manifest = read_manifest(path)
    pairs = zip(manifest.names, manifest.pixel_md5, strict=True)
    return (Expected(name=name, pixel_md5=md5, side_px=manifest.resolution) for name, md5 in pairs)


def _of_official(data: Mapping[str, Any], where: str) -> Iterable[Expected]:
    for number in range(len(data)):
        place = f"{where}: image {number}"
        try:
            entry = data[str(number)]
            image, category = entry["image"], entry["category"]
            width_px, height_px = image["pixel_size"]
            path = PurePosixPath(image["file_path"])
            if width_px != height_px:
                raise InputError(f"{place}: found {width_px}x{height_px} px, expected a square image")
            yield Expected(
                name=path.name,
                pixel_md5=image["pixel_md5"],
                side_px=width_px,
                file_path=str(path),
                file_url=image.get("file_url"),
                file_size=image["file_size"],
                file_md5=image["file_md5"],
                category=category,
            )
        except KeyError as error:
            raise InputError(f"{place}: found no {error}, which FFHQ's list has for every image") from None
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise InputError(f"{place}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{place}: not an entry of FFHQ's list ({error})") from None
