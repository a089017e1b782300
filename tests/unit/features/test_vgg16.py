import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.toys import photo
from torchvision.models import vgg16

from stylenat.core.errors import InputError
from stylenat.features.vgg16 import Vgg16, expected_state


def thin(like, rng):
    """A random tensor that takes little space in a file: entry (i, j, ...) is number i + j + ... of a short list."""
    values = torch.randn(sum(like.shape), generator=rng)
    centred = values - values.mean()
    return (centred * (2 / max(like[0].numel(), 1)) ** 0.5).as_strided(like.shape, (1,) * like.ndim)


@pytest.fixture(scope="module")
def state():
    rng = torch.Generator().manual_seed(0)
    return {name: thin(like, rng) for name, like in expected_state().items()}


@pytest.fixture(scope="module")
def weights(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(state, path)
    return path


def test_features_are_the_second_fully_connected_layer_after_its_relu(state, weights):
    image = torch.from_numpy(photo(0, 224).transpose(2, 0, 1).copy())[None]  # nothing to resize
    extractor = Vgg16(weights, "fc2")
    with torch.inference_mode():
        found = extractor(image)
        del extractor
        with torch.device("meta"):
            network = vgg16()
        network.load_state_dict(state, assign=True)
        mean, sd = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        pooled = network.avgpool(network.features((image / 255 - mean) / sd)).flatten(1)
        hidden = F.relu(F.linear(pooled, state["classifier.0.weight"], state["classifier.0.bias"]))
        expected = F.relu(F.linear(hidden, state["classifier.3.weight"], state["classifier.3.bias"]))
    assert found.shape == (1, 4096)
    assert 0 < np.count_nonzero(found) < 4096
    scale = float(expected.abs().max())
    torch.testing.assert_close(found / scale, expected / scale, rtol=1e-3, atol=1e-4)


def test_a_file_that_is_no_vgg16_is_refused_in_one_line(state, tmp_path):
    torch.save({name: value for name, value in state.items() if name != "classifier.6.bias"}, tmp_path / "cut.pth")
    with pytest.raises(InputError, match=r"cut\.pth: not torchvision's VGG16: 1 tensors .* 'classifier\.6\.bias'"):
        Vgg16(tmp_path / "cut.pth", "fc2")
