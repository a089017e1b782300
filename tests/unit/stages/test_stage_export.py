"""The zip as others read it: clean-fid by its own code, NVIDIA's tools by the rules of their reader."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from cleanfid import fid
from PIL import Image
from support.toys import dataset_card, photo, write_photos

from stylenat.core.errors import InputError
from stylenat.stages import export, prepare

COUNT = 7


@pytest.fixture
def manifest(tmp_path):
    prepare.run(dataset_card(COUNT, 16), write_photos(tmp_path / "raw", COUNT), tmp_path / "set" / "manifest.json")
    return tmp_path / "set" / "manifest.json"


def test_clean_fid_reads_the_pixels(manifest, tmp_path):
    export.run(manifest, tmp_path / "set.zip")
    means = fid.get_folder_features(
        str(tmp_path / "set.zip"),
        model=lambda batch: batch.mean(dim=(2, 3)),
        num_workers=0,
        device=torch.device("cpu"),
        custom_fn_resize=lambda pixels: pixels,
        verbose=False,
    )
    expected = np.stack([photo(index).mean(axis=(0, 1)) for index in range(COUNT)])
    assert np.allclose(np.sort(means, axis=0), np.sort(expected, axis=0), atol=1e-3)


def test_the_layout_is_that_of_nvidia_s_tools(manifest, tmp_path):
    """Images in the order of their names, RGB, one size; no labels; nothing packed, so that reading is a seek."""
    export.run(manifest, tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        assert names == [f"00000/img{index:08d}.png" for index in range(COUNT)]
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for index, name in enumerate(names):
            with Image.open(io.BytesIO(archive.read(name))) as image:
                assert image.mode == "RGB"
                assert np.array_equal(np.asarray(image), photo(index))


def test_two_exports_have_the_same_bytes(manifest, tmp_path):
    for workers in (1, 2):
        export.run(manifest, tmp_path / f"{workers}.zip", workers)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_what_a_killed_export_left_is_removed(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".set.zip.abc.tmp").write_bytes(b"half")
    (tmp_path / "out" / ".other.zip.abc.tmp").write_bytes(b"another's")
    export.run(manifest, tmp_path / "out" / "set.zip")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".other.zip.abc.tmp", "set.zip"]


def test_the_zip_prepared_again_is_the_same_set(manifest, tmp_path):
    """With the manifest as the list of what the images must be."""
    export.run(manifest, tmp_path / "set.zip")
    prepare.run(dataset_card(COUNT, 16), tmp_path / "set.zip", tmp_path / "again" / "manifest.json", manifest)
    one, other = (json.loads(path.read_text()) for path in (manifest, tmp_path / "again" / "manifest.json"))
    assert other["fingerprint"] == one["fingerprint"]
    assert other["names"] == one["names"]


def test_a_missing_manifest_and_a_lost_shard_are_named(manifest, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json: no such file"):
        export.run(tmp_path / "nowhere.json", tmp_path / "set.zip")
    (manifest.parent / "shards" / "shard-00000.npy").unlink()
    with pytest.raises(InputError, match=r"shard-00000\.npy: this shard of a prepared set is missing"):
        export.run(manifest, tmp_path / "set.zip")
    assert not (tmp_path / "set.zip").exists()
