"""StyleNAT at its true size on a CPU: the fast attention gives the definition's images."""

import pytest
import torch
from support import golden

from stylenat.attention import dispatch
from stylenat.core.catalog import Catalog
from stylenat.core.registry import ROOT
from stylenat.network import FAMILY


@pytest.mark.long
@torch.inference_mode()
def test_both_backends_give_one_image_at_256(monkeypatch):
    generator = FAMILY.build_generator(Catalog(ROOT / "config").model("stylenat-ffhq-256").arch).eval()
    shapes = {name: tuple(value.shape) for name, value in generator.state_dict().items()}
    generator.load_state_dict(golden.generator_state(shapes))
    images = {}
    for backend in ("tiled", "reference"):
        monkeypatch.setattr(dispatch, "_resolved", lambda *_, name=backend: name)
        images[backend] = generator(golden.latents(1, 512))
    expected = images["reference"]
    assert expected.shape == (1, 3, 256, 256)
    assert expected.std() > 0.1
    assert (images["tiled"] - expected).abs().max() < 1e-4 * expected.abs().max()
    assert not torch.equal(images["tiled"], expected)  # else one backend ran twice
