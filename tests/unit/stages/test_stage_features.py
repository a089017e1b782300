import numpy as np
import pytest
from support.toys import dataset_card, detector_card, photo, write_photos
from torch_fidelity import calculate_metrics

from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.data.manifest import read_manifest
from stylenat.features.table import read_table
from stylenat.metrics import fid
from stylenat.stages import features, fetch, prepare

COUNT = 21  # no multiple of a batch


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Raw images, their prepared set, the same images as samples, other samples, and weights."""
    root = tmp_path_factory.mktemp("world")
    write_photos(root / "raw", COUNT)
    prepare.run(dataset_card(COUNT, 16), root / "raw", root / "set" / "manifest.json")
    for name, start in (("same", 0), ("other", 100)):
        pixels = np.stack([photo(start + index) for index in range(COUNT)])
        np.save(root / f"{name}.npy", pixels.transpose(0, 3, 1, 2))
    fetch.run_weights(detector_card(), root, root / "weights.pth")
    for name, images in (("real", "set/manifest.json"), ("same", "same.npy"), ("other", "other.npy")):
        features.run(detector_card(), root / "weights.pth", root / images, root / f"{name}.npz", "cpu")
    return root


def test_a_set_and_its_samples_have_the_same_features(world):
    real, same = (read_table(world / f"{name}.npz", "toydetector") for name in ("real", "same"))
    assert real.feature_ND.shape == (COUNT, 64)
    assert real.feature_ND.dtype == np.float32
    assert np.array_equal(real.feature_ND, same.feature_ND)


def test_the_table_tells_what_it_was_made_of(world):
    real, same = (read_table(world / f"{name}.npz", "toydetector") for name in ("real", "same"))
    assert real.images == read_manifest(world / "set" / "manifest.json").fingerprint
    assert same.images == sha256_file(world / "same.npy")
    assert real.weights_sha256 == sha256_file(world / "weights.pth")


def test_the_whole_path_equals_torch_fidelity_s_own(world):
    """From PNG files to FID: our preparation, features and metric against calculate_metrics on folders."""
    from PIL import Image

    (world / "fake").mkdir()
    for index in range(COUNT):
        Image.fromarray(photo(100 + index)).save(world / "fake" / f"{index:03d}.png")
    found = calculate_metrics(
        input1=str(world / "fake"),
        input2=str(world / "raw"),
        fid=True,
        feature_extractor="inception-v3-compat",
        feature_layer_fid="64",
        feature_extractor_weights_path=str(world / "weights.pth"),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    tables = [read_table(world / f"{name}.npz", "toydetector").feature_ND for name in ("real", "other")]
    value = fid.compute(*tables).value
    assert value > 1e-4
    assert value == pytest.approx(found["frechet_inception_distance"], rel=1e-3, abs=1e-6)


def test_what_is_no_file_of_images_is_refused(world):
    np.save(world / "float.npy", np.zeros((2, 3, 4, 4), np.float32))
    np.save(world / "flat.npy", np.zeros((2, 4, 4), np.uint8))
    (world / "torn.npy").write_bytes((world / "same.npy").read_bytes()[:500])
    for name, message in (
        ("float.npy", r"found float32 \(2, 3, 4, 4\), expected uint8"),
        ("flat.npy", r"found uint8 \(2, 4, 4\), expected uint8 \(N, 3, H, W\)"),
        ("torn.npy", "not a readable .npy file of images"),
        ("none.npy", "not a readable .npy file of images"),
        ("none.json", "no such file"),
    ):
        with pytest.raises(InputError, match=f"{name}: {message}"):
            features.run(detector_card(), world / "weights.pth", world / name, world / "x.npz", "cpu")
    assert not (world / "x.npz").exists()
