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


@torch.no_grad()
def test_train_mode_normalises_by_the_batch(generator):
    network, z, _, images = generator
    state = {key: value.clone() for key, value in network.state_dict().items()}
    try:
        found = network.train()(z)
    finally:
        network.eval().load_state_dict(state)
    assert error(found[..., ::4, ::4], images) < TOLERANCE


@pytest.mark.parametrize(
    ("arch", "parameters", "statistics"),
    [
        (ARCH_B_256, 46_217_670, 18_944),
        (ARCH_B_1024, 88_216_300, 19_456),
        (golden_hit.ARCH_128, 32_866_627, 19_200),
    ],
    ids=["B-256", "B-1024", "B-128"],
)
def test_generators_have_the_published_number_of_parameters(arch, parameters, statistics):
    with torch.device("meta"):
        network = FAMILY.build_generator(arch)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert sum(b.numel() for b in network.buffers()) == statistics
    assert network.spec.resolution == arch["resolution"]
