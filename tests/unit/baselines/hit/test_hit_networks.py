"""HiT's networks against the numbers of the official ones, and their sizes to the integer."""

import pytest
import torch
from support import golden, golden_hit

from baselines.hit import FAMILY

TOLERANCE = 1e-5  # of the largest value
ARCH_B_256 = {
    "resolution": 256,
    "channels": [512, 512, 256, 128, 64, 64],
    "layers": [2, 2, 2, 2, 1, 1],
    "heads": [16, 8, 4, 4, 4, 4],
    "patches": [4, 4, 8, 8, 0, 0],
    "rgb_stages": 2,
}
ARCH_B_1024 = {
    "resolution": 1024,
    "channels": [512, 512, 256, 128, 64, 64, 32, 32],
    "layers": [2, 2, 2, 2, 1, 1, 1, 1],
    "heads": [16, 8, 4, 4, 4, 4, 4, 4],
    "patches": [4, 4, 8, 8, 0, 0, 0, 0],
    "rgb_stages": 4,
}
ARCH_S_256 = {**ARCH_B_256, "channels": [512, 256, 128, 128, 64, 64], "layers": [2, 2, 1, 1, 1, 1]}
ARCH_L_256 = {**ARCH_B_256, "channels": [1024, 512, 256, 128, 128, 128], "layers": [2, 2, 2, 2, 2, 2]}


@pytest.fixture(scope="module")
def generator():
    """The network, its case's latents, images in our layout and the ones of train mode."""
    spec, arrays = golden.load("hit_g-128")
    network = FAMILY.build_generator(golden_hit.ARCH_128)
    network.load_state_dict(golden_hit.state(spec), strict=True)
    found = {name: torch.from_numpy(arrays[name]) for name in ("z", "image", "image_training_mode")}
    images = (found[name].permute(0, 3, 1, 2) for name in ("image", "image_training_mode"))
    return network.eval().requires_grad_(False), found["z"], *images


def error(found, expected):
    """The largest difference, in parts of the largest value."""
    assert found.dtype == torch.float32
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("fast", [True, False], ids=["without gradients", "with gradients"])
def test_images_are_those_of_the_official_generator(generator, fast):
    network, z, images, _ = generator
    with torch.set_grad_enabled(not fast):
        assert error(network(z), images) < TOLERANCE


@torch.inference_mode()
def test_an_image_does_not_depend_on_the_batch_or_on_how_latents_lie(generator):
    network, z, images, _ = generator
    other = torch.randn(1, 256, generator=torch.Generator().manual_seed(0))
    assert error(network(torch.cat([z, other]))[:2], images) < TOLERANCE
    assert error(network(z[1:]), images[1:]) < TOLERANCE
    assert error(network(z.t().contiguous().t()), images) < TOLERANCE


@torch.no_grad()
def test_train_mode_normalises_by_the_batch(generator):
    network, z, _, images = generator
    state = {key: value.clone() for key, value in network.state_dict().items()}
    try:
        found = network.train()(z)
    finally:
        network.eval().load_state_dict(state)
    assert error(found[..., ::4, ::4], images) < TOLERANCE


@torch.no_grad()
def test_logits_are_those_of_the_official_discriminator():
    spec, arrays = golden.load("hit_d-128-cm1")
    network = FAMILY.build_discriminator(golden_hit.ARCH_128)
    network.load_state_dict(golden_hit.state(spec), strict=True)
    images, logits = golden.images(4, 128), torch.from_numpy(arrays["logits"])
    assert error(network(images), logits) < TOLERANCE
    turned = images.transpose(2, 3).contiguous().transpose(2, 3)
    assert error(network(turned[1:]), logits[1:]) < TOLERANCE


@pytest.mark.parametrize(
    ("arch", "parameters", "statistics"),
    [
        (ARCH_B_256, 46_217_670, 18_944),
        (ARCH_B_1024, 88_216_300, 19_456),
        (golden_hit.ARCH_128, 32_866_627, 19_200),
        (ARCH_S_256, 38_013_382, None),
        (ARCH_L_256, 97_462_214, None),
    ],
    ids=["B-256", "B-1024", "B-128", "S-256", "L-256"],
)
def test_generators_have_the_published_number_of_parameters(arch, parameters, statistics):
    with torch.device("meta"):
        network = FAMILY.build_generator(arch)
    assert sum(p.numel() for p in network.parameters()) == parameters
    if statistics is not None:
        assert sum(b.numel() for b in network.buffers()) == statistics
    assert network.spec.resolution == arch["resolution"]


@pytest.mark.parametrize(
    ("arch", "multiplier", "parameters"),
    [
        (ARCH_B_256, 2, 28_862_593),
        (ARCH_B_256, 1, 23_998_017),
        (ARCH_B_1024, 2, 29_008_673),
        (ARCH_B_1024, 1, 24_033_937),
    ],
)
def test_discriminators_have_the_counted_number_of_parameters(arch, multiplier, parameters):
    with torch.device("meta"):
        network = FAMILY.build_discriminator({**arch, "channel_multiplier": multiplier})
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.long
@torch.inference_mode()
def test_the_compiled_generator_gives_the_same_images(generator):
    network, z, images, _ = generator
    assert error(torch.compile(network)(z), images) < TOLERANCE
