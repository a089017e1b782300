"""The number of parameters of every network, to the integer, as the official ones have it."""

import pytest
import torch

from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT, load_family

CATALOG = Catalog(ROOT / "config")
# Card, changes of its architecture, generator, discriminator (what is trained, and what is frozen).
COUNTS = [
    ("stylenat-ffhq-256", {}, 48_921_000, 26_211_585, 0),
    ("stylenat-ffhq-1024", {}, 49_452_934, 27_736_641, 0),
    ("stylenat-ffhq-1024", {"channel_multiplier": 1}, 40_854_926, 27_736_641, 0),
    ("styleswin-ffhq-256", {}, 48_929_512, 26_211_585, 0),
    ("styleswin-ffhq-1024", {}, 40_862_990, 27_736_641, 0),
    ("styleswin-ffhq-1024", {"channel_multiplier": 2}, 49_462_342, 27_736_641, 0),
    ("stylegan2-ffhq-256", {}, 30_034_338, 28_864_129, 0),
    ("stylegan2-ffhq-256-paper256", {}, 24_767_458, 24_001_089, 0),
    ("stylegan2-ffhq-256-paper256", {"mapping_layers": 2}, 23_191_522, 24_001_089, 0),
    ("stylegan2-ffhq-1024", {}, 30_370_060, 29_012_513, 0),
    ("stylegan-xl-ffhq-256-scratch", {}, 34_015_675, 20_662_656, 98_085_392),
    ("stylegan-xl-ffhq-1024-scratch", {}, 34_856_288, 20_662_656, 98_085_392),
    (
        "stylegan-xl-ffhq-256-scratch",
        {"channel_base": 32768, "channel_max": 512, "stem_layers": 10, "head_layers": 7},
        233_322_598,
        20_662_656,
        98_085_392,
    ),
    ("stylegan-xl-ffhq-256", {}, 67_929_851, 20_662_656, 98_085_392),
    ("hit-s-ffhq-256", {}, 38_013_382, 28_862_593, 0),
    ("hit-b-ffhq-256", {}, 46_217_670, 28_862_593, 0),
    ("hit-b-ffhq-256", {"channel_multiplier": 1}, 46_217_670, 23_998_017, 0),
    ("hit-l-ffhq-256", {}, 97_462_214, 28_862_593, 0),
    ("hit-b-ffhq-1024", {}, 88_216_300, 29_008_673, 0),
    ("hit-b-ffhq-1024", {"channel_multiplier": 1}, 88_216_300, 24_033_937, 0),
]


@pytest.mark.parametrize(("name", "changes", "generator", "trained", "frozen"), COUNTS)
def test_the_counts_are_the_official_ones(name, changes, generator, trained, frozen):
    card = CATALOG.model(name)
    family, arch = load_family(card.family), {**card.arch, **changes}
    with torch.device("meta"):
        parameters = list(family.build_discriminator(arch).parameters())
        assert sum(p.numel() for p in family.build_generator(arch).parameters()) == generator
    assert sum(p.numel() for p in parameters if p.requires_grad) == trained
    assert sum(p.numel() for p in parameters if not p.requires_grad) == frozen
