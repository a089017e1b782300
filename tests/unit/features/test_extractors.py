import socket

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support.toys import detector_card, photo

from stylenat.core.cards import LAYERS
from stylenat.core.errors import InputError
from stylenat.features.extract import EXTRACTORS, build_extractor
from stylenat.features.inception_clean import InceptionClean
from stylenat.features.inception_compat import InceptionCompat
from stylenat.features.inception_pytorch import InceptionPytorch
from stylenat.features.random_inception import random_inception

CPU = torch.device("cpu")
INCEPTIONS = [InceptionCompat, InceptionPytorch, InceptionClean]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def pixels(count, size):
    return torch.from_numpy(np.stack([photo(index, size) for index in range(count)]).transpose(0, 3, 1, 2).copy())


def test_random_weights_depend_on_the_seed_alone():
    first, again, other = (random_inception(seed) for seed in (0, 0, 1))
    assert len(first) == 566
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "Mixed_7c.branch1x1.conv.weight"
    assert not torch.equal(first[name], other[name])
    assert first[name].std() == pytest.approx((2 / 2048) ** 0.5, rel=0.01)


@pytest.mark.parametrize("layer", ["64", "192", "768", "2048"])
@pytest.mark.parametrize("extractor", INCEPTIONS)
def test_each_layer_has_its_width_and_tells_images_apart(inception_weights, extractor, layer):
    network = extractor(inception_weights, layer)
    with torch.inference_mode():
        feature = network(pixels(2, 32))
    assert feature.shape == (2, int(layer)) == (2, network.width)
    assert feature.dtype == torch.float32
    assert (feature[0] - feature[1]).abs().max() > 1e-3
    assert 0.01 < feature.std() < 10


@pytest.mark.parametrize("layer", ["64", "2048"])
def test_the_two_classes_are_one_network_behind_different_preprocessing(inception_weights, layer):
    """At 299 px nothing is resized; what is left is (x - 128) / 128 against 2 * x / 255 - 1."""
    image = pixels(2, 299)
    compat, torchlike = InceptionCompat(inception_weights, layer), InceptionPytorch(inception_weights, layer)
    as_compat = ((image.float() - 128) / 128 + 1) / 2
    with torch.inference_mode():
        features = compat(image)
        (inner,) = torchlike.network(as_compat)
        own = torchlike(image)
    torch.testing.assert_close(F.adaptive_avg_pool2d(inner, 1).flatten(1), features, rtol=1e-4, atol=1e-5)
    assert (own - features).abs().max() > 1e-4
    assert (own - features).abs().mean() < 0.02 * features.abs().mean()


def test_the_pytorch_class_resizes_as_clean_fid_does(inception_weights):
    from cleanfid.resize import make_resizer

    resizer = make_resizer("PyTorch", False, "bilinear", (299, 299))
    resized = np.stack([resizer(photo(index, 40)) for index in range(2)]).transpose(0, 3, 1, 2)
    extractor = InceptionPytorch(inception_weights, "64")
    with torch.inference_mode():
        (expected,) = extractor.network(torch.from_numpy(resized.copy()) / 255)
        found = extractor(pixels(2, 40))
    torch.testing.assert_close(found, F.adaptive_avg_pool2d(expected, 1).flatten(1), rtol=1e-5, atol=1e-6)


def test_the_clean_class_resizes_in_float_and_takes_pixels_around_128(inception_weights):
    """Bicubic per channel on Pillow's float images, nothing rounded; then the network that the other classes use."""
    channels = [[Image.fromarray(c.astype(np.float32)) for c in photo(i, 40).transpose(2, 0, 1)] for i in range(2)]
    wide = [[np.asarray(c.resize((299, 299), Image.Resampling.BICUBIC)) for c in image] for image in channels]
    resized = torch.from_numpy(np.stack([np.stack(image) for image in wide])).clamp(0, 255)
    torchlike = InceptionPytorch(inception_weights, "64").network
    with torch.inference_mode():
        (expected,) = torchlike(((resized - 128) / 128 + 1) / 2)
        found = InceptionClean(inception_weights, "64")(pixels(2, 40))
    torch.testing.assert_close(found, F.adaptive_avg_pool2d(expected, 1).flatten(1), rtol=1e-4, atol=1e-5)


def test_low_layers_leave_before_the_rest_is_computed(inception_weights):
    extractor = InceptionCompat(inception_weights, "64")
    called = []
    extractor.network.Conv2d_3b_1x1.register_forward_hook(lambda *_: called.append(True))
    extractor(pixels(1, 16))
    assert not called
    assert len(InceptionPytorch(inception_weights, "64").network.blocks) == 1
    assert len(InceptionClean(inception_weights, "64").network.blocks) == 1


def test_loading_leaves_the_hub_folder_as_it_was(inception_weights):
    before = torch.hub.get_dir()
    InceptionPytorch(inception_weights, "64")
    assert torch.hub.get_dir() == before


def test_the_libraries_are_silent(inception_weights, capfd, recwarn):
    for extractor in INCEPTIONS:
        extractor(inception_weights, "64")(pixels(1, 16))
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize("extractor", INCEPTIONS)
def test_a_file_that_is_no_inception_is_refused_in_one_line(tmp_path, extractor):
    state = random_inception(0)
    del state["fc.bias"]
    torch.save(state, tmp_path / "cut.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "torn.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:1000])
    for name, message in (
        ("cut", "1 tensors are missing.*'fc.bias'"),
        ("list", "found list, expected a state dict"),
        ("torn", "not a readable file of detector weights"),
        ("missing", "not a readable file of detector weights"),
    ):
        with pytest.raises(InputError, match=f"{name}.pth: .*{message}") as caught:
            extractor(tmp_path / f"{name}.pth", "64")
        assert "\n" not in str(caught.value)


def test_a_file_with_code_in_it_is_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harmed"), "w"))

    torch.save({"fc.bias": Harm()}, tmp_path / "harm.pth")
    with pytest.raises(InputError, match=r"harm\.pth: not a readable file of detector weights"):
        InceptionCompat(tmp_path / "harm.pth", "64")
    assert not (tmp_path / "harmed").exists()


def test_features_do_not_depend_on_the_batches(inception_weights):
    extractor = build_extractor(detector_card(), inception_weights, CPU)
    with torch.inference_mode():
        whole = extractor(pixels(5, 16)).numpy()
        parts = torch.cat([extractor(part) for part in pixels(5, 16).split(2)]).numpy()
    assert whole.shape == (5, 64)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("extractor", [name for name in LAYERS if name.startswith("inception")])
def test_the_card_chooses_the_class(inception_weights, extractor):
    card = detector_card(extractor=extractor)
    assert type(build_extractor(card, inception_weights, CPU)) is EXTRACTORS[extractor]


def test_every_extractor_that_a_card_may_name_is_there():
    assert set(EXTRACTORS) == set(LAYERS)
    assert len(set(EXTRACTORS.values())) == len(EXTRACTORS)
