"""Every model card keeps the contract of `core/interface.py`."""

import numpy as np
import pytest
import torch

from stylenat.core.cards import Source
from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.registry import ROOT, load_family
from stylenat.core.seeds import latents

CATALOG = Catalog(ROOT / "config")
MODELS = [CATALOG.model(name) for name in CATALOG.names("models") if CATALOG.model(name).family is not None]
# Networks of full size are built on the meta device: shapes without memory. Their smaller siblings are really run.
LARGE_PX = 128
SMALL = [model for model in MODELS if model.arch["resolution"] < LARGE_PX]
LARGE = [model for model in MODELS if model.arch["resolution"] >= LARGE_PX and not model.control]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared set of noise at each small resolution, made by the stage itself."""
    from PIL import Image

    from stylenat.stages import prepare

    found = {}
    for size in sorted({model.arch["resolution"] for model in SMALL}):
        root = tmp_path_factory.mktemp(f"set{size}")
        (root / "raw").mkdir()
        rng = np.random.default_rng(size)
        for index in range(8):
            pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"raw/{index}.png")
        card = next(CATALOG.dataset(m.dataset) for m in SMALL if m.arch["resolution"] == size)
        card = card.model_copy(
            update={
                "source": Source(kind="files", path="raw"),
                "count": 8,
                "resize_filter": "none",
                "fingerprint": None,
                "splits": {},
                "subsets": {},
            }
        )
        prepare.run(card, root / "raw", root / "manifest.json")
        found[size] = root / "manifest.json"
    return found


def build(model, prepared):
    arch = dict(model.arch)
    if model.weights.dataset is not None:
        arch["images"] = str(prepared[arch["resolution"]])
    torch.manual_seed(0)
    generator = load_family(model.family).build_generator(arch).eval()
    # Fresh networks give nearly constant images; spread the parameters so that the checks can see differences.
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return generator


def ids(models):
    return [model.name for model in models]


def in_turn(models):
    """Networks of the demo always; the paper's, as wide as they are there, among the long tests."""
    return [pytest.param(m, marks=[] if m.control or "-demo-" in m.name else [pytest.mark.long]) for m in models]


@pytest.mark.parametrize("model", in_turn(SMALL), ids=ids(SMALL))
class TestSmall:
    @torch.inference_mode()
    def test_shape_range_and_finiteness(self, model, prepared):
        generator = build(model, prepared)
        size = model.arch["resolution"]
        image = generator(latents(0, range(4), generator.spec.z_dim))
        assert image.shape == (4, 3, size, size)
        assert image.dtype == torch.float32
        assert torch.isfinite(image).all()
        assert generator.spec.resolution == size
        pixel = to_uint8(image, generator.spec)
        assert 20 < pixel.float().mean() < 235, "the declared range puts a fresh image near one end"

    @torch.inference_mode()
    def test_the_same_latents_give_the_same_image(self, model, prepared):
        generator = build(model, prepared)
        z = latents(1, range(2), generator.spec.z_dim)
        assert torch.equal(generator(z), generator(z))

    @torch.inference_mode()
    def test_an_image_does_not_depend_on_its_place_in_the_batch(self, model, prepared):
        generator = build(model, prepared)
        z = latents(2, range(5), generator.spec.z_dim)
        whole = generator(z)
        for index in (1, 4):
            torch.testing.assert_close(generator(z[index : index + 1])[0], whole[index], rtol=1e-4, atol=1e-5)
        assert (whole[0] - whole[1]).abs().max() > 1e-3, "two latents give one image"

    def test_state_round_trip(self, model, prepared):
        first, second = build(model, prepared), build(model, prepared)
        with torch.no_grad():
            for parameter in second.parameters():
                parameter.mul_(0.5)
        second.load_state_dict(first.state_dict(), strict=True)
        z = latents(3, range(1), first.spec.z_dim)
        with torch.inference_mode():
            assert torch.equal(first(z), second(z))


@pytest.mark.parametrize("model", LARGE, ids=ids(LARGE))
def test_large_networks_build_and_keep_their_shape(model):
    with torch.device("meta"):
        generator = load_family(model.family).build_generator(model.arch)
        discriminator = load_family(model.family).build_discriminator(model.arch)
    assert generator.spec.resolution == model.arch["resolution"]
    assert sum(p.numel() for p in generator.parameters()) > 1e6
    assert sum(p.numel() for p in discriminator.parameters()) > 1e6


TRAINED = [model for model in MODELS if model.weights.train is not None]


@pytest.mark.parametrize("model", TRAINED, ids=ids(TRAINED))
def test_a_recipe_fits_its_family(model):
    options = CATALOG.training(model.weights.train).objective
    objective = load_family(model.family).build_objective(options)
    parts = [phase.part for phases in objective.rounds for phase in phases]
    assert {"generator", "discriminator"} == set(parts)
    with pytest.raises(InputError, match="objective: unknown key 'r1_gama'"):
        load_family(model.family).build_objective({**options, "r1_gama": 1})


@pytest.mark.parametrize("model", [m for m in MODELS if not m.control], ids=ids(m for m in MODELS if not m.control))
def test_an_unknown_key_of_an_architecture_is_refused(model):
    with pytest.raises(ValueError, match="resolutoin"):
        load_family(model.family).build_generator({**model.arch, "resolutoin": 64})
