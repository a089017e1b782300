import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.toys import ToyFamily, ToyGenerator, model_card

from stylenat.core.errors import InputError
from stylenat.sampling import build
from stylenat.sampling.sample import generate
from stylenat.stages import sample


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "load_family", lambda dotted: ToyFamily())
    torch.manual_seed(0)
    generator = ToyGenerator()
    save_file(generator.state_dict(), tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def test_the_file_holds_the_images(weights, tmp_path):
    sample.run(model_card(), weights, 3, 5, tmp_path / "out" / "seed3-n5.npy", "cpu")
    images = np.load(tmp_path / "out" / "seed3-n5.npy", mmap_mode="r")
    generator = build.build_generator(model_card(), weights)
    expected = torch.cat(list(generate(generator, 3, range(5), 5, torch.device("cpu"))))
    assert images.dtype == np.uint8
    assert np.array_equal(images, expected.numpy())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["seed3-n5.npy"]


def test_the_batch_size_changes_no_byte(weights, tmp_path):
    for batch_size in (1, 3):
        sample.run(model_card(), weights, 0, 5, tmp_path / f"{batch_size}.npy", "cpu", batch_size=batch_size)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "3.npy").read_bytes()


def test_a_failure_leaves_no_file(weights, tmp_path):
    card = model_card(arch={"scale": 1.0})
    broken = ToyGenerator()
    with torch.no_grad():
        broken.mapping.bias.fill_(float("inf"))
    save_file(broken.state_dict(), tmp_path / "broken.safetensors")
    with pytest.raises(InputError, match="image 0 of seed 0 has values that are not finite"):
        sample.run(card, tmp_path / "broken.safetensors", 0, 5, tmp_path / "out" / "a.npy", "cpu")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_can_not_be_sampled_is_refused(weights, tmp_path):
    with pytest.raises(InputError, match="'toy' can't be sampled: no weights were given"):
        sample.run(model_card(), None, 0, 5, tmp_path / "a.npy", "cpu")
    with pytest.raises(InputError, match="expected at least 1"):
        sample.run(model_card(), weights, 0, 0, tmp_path / "a.npy", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no usable GPU"):
            sample.run(model_card(), weights, 0, 5, tmp_path / "a.npy", "cuda")
