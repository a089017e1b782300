"""What the metric libraries get wrong silently, shown; and that this harness does not.

The sets are tiny: what counts is which numbers are equal.
"""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from support.toys import ToyGenerator, dataset_card, photo, write_photos
from torchvision.utils import save_image

from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.interface import GeneratorSpec
from stylenat.features.inception_clean import InceptionClean
from stylenat.features.inception_compat import InceptionCompat
from stylenat.sampling.sample import generate
from stylenat.stages import prepare

CPU = torch.device("cpu")
KEY = "frechet_inception_distance"


def by_fidelity(weights, first, second, **settings):
    import torch_fidelity

    fixed = {"fid": True, "cuda": False, "save_cpu_ram": True, "verbose": False, "batch_size": 4}
    fixed |= {"feature_extractor_weights_path": str(weights), "feature_layer_fid": "64"}
    return torch_fidelity.calculate_metrics(input1=first, input2=second, **fixed, **settings)


@pytest.fixture
def sets(tmp_path):
    fakes = write_photos(tmp_path / "fakes", 3)
    reals = write_photos(tmp_path / "reals", 6)
    others = tmp_path / "others"  # nothing but flat colours: far from the reals
    others.mkdir()
    for index in range(3):
        Image.new("RGB", (16, 16), (90 * index, 0, 255)).save(others / f"{index}.png")
    return str(fakes), str(reals), str(others)


def test_torch_fidelity_s_cache_gives_one_folder_s_statistics_for_another(sets, inception_weights, tmp_path):
    fakes, reals, others = sets
    cached = {"cache": True, "cache_root": str(tmp_path / "cache"), "input2_cache_name": "ffhq"}
    first = by_fidelity(inception_weights, fakes, reals, **cached)[KEY]
    stale = by_fidelity(inception_weights, fakes, others, **cached)[KEY]
    true = by_fidelity(inception_weights, fakes, others, cache=False)[KEY]
    assert stale == first
    assert abs(true - first) > 0.1 * abs(first)


def test_torch_fidelity_takes_float64_for_float32_and_ignores_unknown_words(sets, inception_weights):
    from torch_fidelity.helpers import text_to_dtype

    assert text_to_dtype("float64") is torch.float32
    fakes, _, others = sets
    assert set(by_fidelity(inception_weights, fakes, others, cache=False, kidd=True)) == {KEY}


class Sharp(torch.nn.Module):
    """A generator whose values lie between whole levels, in the range that its library asks for."""

    def forward(self, z_BZ):
        unit = torch.sigmoid(z_BZ[:, :1, None, None] + torch.linspace(-2, 2, 3 * 16 * 16).view(1, 3, 16, 16))
        return 255 * unit


def test_clean_fid_does_not_round_a_generator_s_images(inception_weights):
    from cleanfid import fid

    extractor = InceptionClean(inception_weights, "64")

    def network(resized_BCHW):
        (feature_BDHW,) = extractor.network((resized_BCHW - 128) / 128)
        return feature_BDHW.mean((2, 3))

    def features(generator):
        torch.manual_seed(0)
        settings = {"z_dim": 4, "num_gen": 3, "batch_size": 3, "device": CPU, "verbose": False}
        return torch.from_numpy(fid.get_model_features(generator, network, mode="clean", **settings))

    torch.manual_seed(0)
    spec = GeneratorSpec(z_dim=4, resolution=16, pixel_mean=(0.0,) * 3, pixel_std=(1.0,) * 3)
    pixel_BCHW = to_uint8(Sharp()(torch.randn(3, 4)) / 255, spec)
    with torch.inference_mode():
        ours = extractor(pixel_BCHW)
    rounded = features(lambda z_BZ: Sharp()(z_BZ).round())
    torch.testing.assert_close(ours, rounded, rtol=1e-5, atol=1e-6)
    assert (features(Sharp()) - rounded).abs().max() > 1e-4


def test_torch_fidelity_refuses_float_images_and_so_does_its_extractor_here(inception_weights):
    import torch_fidelity

    generator = torch_fidelity.GenerativeModelModuleWrapper(Sharp(), 4, "normal", 0)
    with pytest.raises(ValueError, match="uint8"):
        by_fidelity(inception_weights, generator, generator, cache=False, input1_model_num_samples=2)
    with pytest.raises(ValueError, match="uint8"):
        InceptionCompat(inception_weights, "64")(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize("mean_sd", [(0.5, 0.5), (0.0, 1.0), (0.45, 0.225)])
def test_our_images_are_to_the_bit_what_a_png_gives_back(tmp_path, mean_sd):
    mean, sd = ((value,) * 3 for value in mean_sd)
    spec = GeneratorSpec(z_dim=4, resolution=64, pixel_mean=mean, pixel_std=sd)
    unit = torch.linspace(-0.1, 1.1, 3 * 64 * 64).view(1, 3, 64, 64)  # beyond both ends too
    image_BCHW = (unit - mean_sd[0]) / mean_sd[1]
    save_image(image_BCHW * mean_sd[1] + mean_sd[0], tmp_path / "image.png")
    from_png = np.asarray(Image.open(tmp_path / "image.png")).transpose(2, 0, 1)
    assert np.array_equal(to_uint8(image_BCHW, spec)[0].numpy(), from_png)


def test_a_conditional_generator_ends_in_one_line_here_and_in_a_missing_name_there(inception_weights):
    import torch_fidelity

    wrapped = torch_fidelity.GenerativeModelModuleWrapper(Sharp(), 4, "normal", 10)
    with pytest.raises(AttributeError, match="'int'"):
        by_fidelity(inception_weights, wrapped, wrapped, cache=False, input1_model_num_samples=2)
    generator = ToyGenerator()
    generator.spec = GeneratorSpec(z_dim=4, resolution=8, num_classes=10)
    with pytest.raises(InputError, match="expects one of 10 class labels; only unconditional ones run") as caught:
        next(generate(generator, 0, range(2), 2, CPU))
    assert "\n" not in str(caught.value)


def test_images_of_two_sizes_end_in_one_line_here_and_deep_in_a_loader_there(sets, inception_weights, tmp_path):
    fakes, reals, _ = sets
    mixed = shutil.copytree(reals, tmp_path / "mixed")
    Image.fromarray(photo(9, 24)).save(mixed / "zz.png")
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        by_fidelity(inception_weights, fakes, str(mixed), cache=False)
    with pytest.raises(InputError, match=r"zz\.png: found 24x24 px, expected 16x16: resize filter 'none'") as caught:
        prepare.run(dataset_card(7, 16), mixed, tmp_path / "set" / "manifest.json")
    assert "\n" not in str(caught.value)
