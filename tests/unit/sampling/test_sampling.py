import pytest
import torch
from safetensors.torch import save_file
from support.toys import ToyFamily, ToyGenerator, model_card

from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.seeds import latents
from stylenat.sampling import build
from stylenat.sampling.build import build_generator
from stylenat.sampling.sample import generate

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def toy_family(monkeypatch):
    monkeypatch.setattr(build, "load_family", lambda dotted: ToyFamily())


def images(generator, seed=5, count=7, batch_size=3):
    return torch.cat(list(generate(generator, seed, range(count), batch_size, CPU)))


def snapshot(path, network, **metadata):
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path, metadata=metadata)
    return path


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_images_do_not_depend_on_the_batch_size(batch_size):
    generator = ToyGenerator()
    assert torch.equal(images(generator, batch_size=batch_size), images(generator))


def test_fewer_images_are_the_beginning_of_more_and_seeds_differ():
    generator = ToyGenerator()
    assert torch.equal(images(generator, count=4), images(generator, count=9)[:4])
    assert not torch.equal(images(generator, seed=6), images(generator, seed=5))


def test_images_are_the_generator_s_in_uint8():
    generator = ToyGenerator()
    expected = to_uint8(generator(latents(5, range(7), 4)), generator.spec)
    assert images(generator).dtype == torch.uint8
    assert torch.equal(images(generator), expected)


def test_batches_have_the_sizes_asked_for():
    assert [len(batch) for batch in generate(ToyGenerator(), 0, range(7), 3, CPU)] == [3, 3, 1]


def test_an_image_that_is_not_finite_is_named():
    class Broken(ToyGenerator):
        def forward(self, z_BZ, labels_B=None):
            image = super().forward(z_BZ).clone()
            image[z_BZ[:, 0] == latents(0, range(5), 4)[4, 0], 1, 2, 3] = float("nan")
            return image

    with pytest.raises(InputError, match="image 4 of seed 0 has values that are not finite"):
        list(generate(Broken(), 0, range(7), 3, CPU))


def test_a_snapshot_is_loaded_exactly(tmp_path):
    trained = ToyGenerator(scale=2)
    generator = build_generator(model_card(), snapshot(tmp_path / "s.safetensors", trained, model="toy"))
    assert not generator.training
    assert torch.equal(images(generator), images(trained))


def test_another_network_is_refused_with_its_keys(tmp_path):
    other = torch.nn.ModuleDict({"mapping": torch.nn.Linear(4, 5), "head": torch.nn.Linear(2, 2)})
    path = snapshot(tmp_path / "s.safetensors", other)
    with pytest.raises(InputError) as caught:
        build_generator(model_card(), path)
    message = str(caught.value)
    assert "\n" not in message
    assert "2 missing (scale, synthesis.weight)" in message
    assert "2 surplus (head.bias, head.weight)" in message
    assert "2 of another shape (mapping.weight, mapping.bias)" in message


def test_a_snapshot_of_another_model_is_refused(tmp_path):
    path = snapshot(tmp_path / "s.safetensors", ToyGenerator(), model="other")
    with pytest.raises(InputError, match="holds weights of model 'other', expected 'toy'"):
        build_generator(model_card(), path)


def test_an_unreadable_snapshot_is_refused(tmp_path):
    (tmp_path / "s.safetensors").write_bytes(b"no tensors")
    for name in ("s.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match=f"{name}: not a readable safetensors file"):
            build_generator(model_card(), tmp_path / name)


def test_a_control_is_given_its_prepared_set(tmp_path):
    generator = build_generator(model_card(weights={"dataset": "toyset"}), tmp_path / "manifest.json")
    assert generator.images == str(tmp_path / "manifest.json")


def test_published_numbers_alone_build_nothing():
    with pytest.raises(InputError, match="has published numbers only: no code"):
        build_generator(model_card(family=None, weights={"none": "no code"}), None)
