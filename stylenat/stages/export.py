"""Stage `export`: a prepared set as a zip of PNGs, for other people's tools. On demand: no measurement needs it."""

from pathlib import Path

from stylenat.data.export import write_zip
from stylenat.data.view import open_prepared


def run(manifest: Path, out: Path, workers: int | None = None) -> None:
    """Write the images of a prepared set into the zip file `out`, stored, as NVIDIA's tools and clean-fid read it.

    Raises:
        InputError: the manifest or a shard is missing or torn.
    """
    write_zip(open_prepared(manifest), Path(out), workers)
