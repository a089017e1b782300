"""A small network of every family, in which all kinds of its layers run, and all ways that it has."""

from stylenat.core.registry import load_family

XL = {"resolution": 16, "stem_layers": 5, "channel_base": 512, "channel_max": 8, "w_dim": 16, "deit": "tiny"}
# At 16 px the first two have more tokens than a layer has outputs, at 8 px fewer: both kinds of block run.
ARCHS = {
    "stylenat.network": {
        "resolution": 16,
        "max_channels": 32,
        "style_dim": 24,
        "kernel_sizes": [3, 7, [3, 5]],
        "dilations": [[1], [1], [1, 2]],
    },
    "baselines.styleswin": {"resolution": 16, "max_channels": 32, "style_dim": 24},
    "baselines.hit": {
        "resolution": 32,
        "channels": [32, 16, 8],
        "layers": [1, 2, 1],
        "heads": [2, 4, 1],
        "patches": [4, 8, 0],
        "rgb_stages": 2,
        "z_dim": 12,
        "max_channels": 32,
    },
    "baselines.stylegan2": {"resolution": 16, "channel_max": 16, "z_dim": 12, "w_dim": 12},
    "baselines.stylegan_xl": XL | {"feature_px": 128, "head_max_channels": 16, "features": {"random_seed": 0}},
}
FAMILIES = list(ARCHS)


def build(family, part="generator"):
    """A network in eval mode, of torch's random initial weights."""
    builders = load_family(family)
    make = builders.build_generator if part == "generator" else builders.build_discriminator
    return make(ARCHS[family]).eval()
