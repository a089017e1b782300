"""The three FID classes, held against the libraries themselves with one file of random weights.

What counts is which pairs are equal and which are not; the sizes of the differences are those of random weights.
"""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from support.toys import photo

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT
from stylenat.features.extract import EXTRACTORS
from stylenat.frechet.distance import frechet_distance
from stylenat.frechet.moments import moments_of

CPU = torch.device("cpu")
LAYER, COUNT, SIDE_PX = "2048", 4, 256
EQUAL, APART = 1e-5, 1e-2  # mean difference of two libraries' features, in standard deviations
OURS = {name: f"inception-v3-{name}" for name in ("compat", "pytorch", "clean")}


def picture(index, side_px=SIDE_PX):
    """Soft shapes with some noise: resizers differ on noise and agree on flat colour, photographs lie between."""
    rng = np.random.default_rng(index)
    coarse = Image.fromarray(photo(index, 16)).resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(coarse) + rng.normal(0, 12, (side_px, side_px, 3)), 0, 255).astype(np.uint8)


def write_folder(folder, indices, side_px=SIDE_PX):
    folder.mkdir()
    for index in indices:
        Image.fromarray(picture(index, side_px)).save(folder / f"{index:04d}.png")
    return folder


def batches_of(folder):
    pixels = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    return torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy()).split(8)


def ours(name, weights, layer, folder):
    extractor = EXTRACTORS[OURS[name]](weights, layer)
    with torch.inference_mode():
        return torch.cat([extractor(batch) for batch in batches_of(folder)]).numpy()


def by_torch_fidelity(weights, layer, folder):
    from torch_fidelity import FeatureExtractorInceptionV3
    from torch_fidelity.utils import extract_featuresdict_from_input_id

    keywords = {"feature_extractor_weights_path": str(weights), "verbose": False}
    network = FeatureExtractorInceptionV3("inception-v3-compat", [layer], **keywords)
    settings = {"input1": str(folder), "cuda": False, "batch_size": 4, "save_cpu_ram": True, "verbose": False}
    return extract_featuresdict_from_input_id(1, network, **settings)[layer].numpy()


def by_clean_fid(mode, folder):
    from cleanfid import fid
    from cleanfid.features import build_feature_extractor

    model = build_feature_extractor(mode, device=CPU, use_dataparallel=False)
    return fid.get_folder_features(
        str(folder), model, num_workers=0, batch_size=4, device=CPU, mode=mode, verbose=False
    )


def by_pytorch_fid(folder):
    from pytorch_fid.fid_score import get_activations
    from pytorch_fid.inception import InceptionV3

    network = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[int(LAYER)]]).eval()
    files = sorted(str(path) for path in folder.iterdir())
    return get_activations(files, network, batch_size=4, dims=int(LAYER), device="cpu", num_workers=0)


class Scripted(torch.nn.Module):
    """What clean-fid asks of the network's TorchScript: `layers`, from normalised pixels of 299 px to features."""

    def __init__(self, weights):
        super().__init__()
        from torch_fidelity import FeatureExtractorInceptionV3

        trunk = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights), verbose=False
        )
        names = [name for name, _ in trunk.named_children()]
        children = dict(trunk.named_children())
        upto = names.index("AvgPool") + 1
        self.layers = torch.nn.Sequential(*(children[name] for name in names[:upto]), torch.nn.Flatten())

    def forward(self, image_BCHW):
        return self.layers(image_BCHW)


@pytest.fixture(scope="module")
def libraries(inception_weights, tmp_path_factory):
    """All libraries find the random weights where they would have put their downloads."""
    from cleanfid import features

    home = tmp_path_factory.mktemp("hub")
    (home / "checkpoints").mkdir()
    os.symlink(inception_weights, home / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth")
    torch.jit.script(Scripted(inception_weights).eval()).save(home / "inception-2015-12-05.pt")
    before, loader = torch.hub.get_dir(), features.InceptionV3W
    torch.hub.set_dir(str(home))
    features.InceptionV3W = lambda path, download, resize_inside: loader(str(home), False, resize_inside)
    yield inception_weights
    torch.hub.set_dir(before)
    features.InceptionV3W = loader


@pytest.fixture(scope="module")
def features(libraries, tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("images") / "set", range(COUNT))
    found = {name: ours(name, libraries, LAYER, folder) for name in OURS}
    found["torch-fidelity"] = by_torch_fidelity(libraries, LAYER, folder)
    found["clean-fid legacy_pytorch"] = by_clean_fid("legacy_pytorch", folder)
    found["clean-fid clean"] = by_clean_fid("clean", folder)
    found["pytorch-fid"] = by_pytorch_fid(folder)
    return found


def apart(first, second):
    """Mean difference of features in standard deviations over images."""
    return float(np.abs(first - second).mean() / first.std(axis=0).mean())


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("compat", "torch-fidelity"),
        ("pytorch", "pytorch-fid"),
        ("pytorch", "clean-fid legacy_pytorch"),
        ("clean", "clean-fid clean"),
    ],
)
def test_an_extractor_equals_its_library(features, name, library):
    assert features[library].shape == (COUNT, int(LAYER))
    assert apart(features[library], features[name]) < EQUAL


@pytest.mark.parametrize(("one", "other"), [("compat", "pytorch"), ("compat", "clean"), ("pytorch", "clean")])
def test_the_classes_are_clearly_apart(features, one, other):
    assert apart(features[one], features[other]) > APART


def test_the_libraries_do_not_stand_in_for_one_another(features):
    assert apart(features["torch-fidelity"], features["clean-fid clean"]) > APART
    assert apart(features["torch-fidelity"], features["clean-fid legacy_pytorch"]) > APART


@pytest.fixture(scope="module")
def two_folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    return write_folder(root / "fakes", range(20), 40), write_folder(root / "reals", range(1000, 1018), 64)


@pytest.fixture(scope="module")
def two_sets(libraries, two_folders):
    return {name: [ours(name, libraries, "64", folder) for folder in two_folders] for name in ("compat", "pytorch")}


@pytest.mark.parametrize("name", ["compat", "pytorch"])
def test_the_distance_is_that_of_both_libraries_formulas(two_sets, name):
    """On fewer features than images: without full rank the libraries' own routes lose digits."""
    from cleanfid.fid import fid_from_feats
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    fake, real = (feature_ND[:, :12].astype(np.float64) for feature_ND in two_sets[name])
    found = frechet_distance(moments_of(fake), moments_of(real))
    statistics = (fid_features_to_statistics(torch.from_numpy(x)) for x in (fake, real))
    by_fidelity = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert found == pytest.approx(by_fidelity, rel=1e-9)
    assert found == pytest.approx(fid_from_feats(fake, real), rel=1e-9)


def test_the_distance_of_two_folders_is_torch_fidelity_s(libraries, two_folders, two_sets):
    import torch_fidelity

    settings = {"fid": True, "cuda": False, "cache": False, "save_cpu_ram": True, "verbose": False}
    settings |= {"feature_extractor_weights_path": str(libraries), "feature_layer_fid": "64", "batch_size": 8}
    inputs = {f"input{number}": str(folder) for number, folder in enumerate(two_folders, start=1)}
    expected = torch_fidelity.calculate_metrics(**inputs, **settings)["frechet_inception_distance"]
    fake, real = (moments_of(feature_ND) for feature_ND in two_sets["compat"])
    assert frechet_distance(fake, real) == pytest.approx(expected, rel=1e-5)


def test_a_detector_card_tells_the_class_of_its_extractor():
    catalog = Catalog(ROOT / "config")
    classes = {"inception-v3-compat": "tensorflow", "inception-v3-pytorch": "pytorch-fid"}
    classes |= {"inception-v3-clean": "clean", "dinov2-vit-l14": "dinov2", "vgg16": "vgg16"}
    assert set(classes) == set(EXTRACTORS)
    for name in catalog.names("detectors"):
        card = catalog.detector(name)
        assert card.preprocessing == classes[card.extractor]


@pytest.mark.parametrize(
    ("protocol", "preprocessing", "reals", "draw"),
    [
        ("stylenat-50k", "pytorch-fid", 50000, "each-seed"),
        ("styleswin-50k-fixed", "pytorch-fid", 50000, "fixed"),
        ("fid50k-full", "tensorflow", None, "fixed"),
        ("kid50k-full", "tensorflow", None, "fixed"),
        ("clean-70k", "clean", None, "fixed"),
        ("fd-dinov2", "dinov2", None, "fixed"),
    ],
)
def test_a_protocol_is_of_the_class_that_its_originals_use(protocol, preprocessing, reals, draw):
    catalog = Catalog(ROOT / "config")
    card = catalog.protocol(protocol)
    assert catalog.detector(card.detector).preprocessing == preprocessing
    assert (card.real_count, card.real_draw, card.fake_count) == (reals, draw, 50000)
