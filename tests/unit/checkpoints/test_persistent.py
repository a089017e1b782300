"""Networks from files in NVIDIA's layout: the tensors exactly, the class, the arguments, and nothing is run."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from support.persistent import Network, write_pkl

from stylenat.checkpoints.persistent import read_persistent
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT

PARAMETERS = frozenset({"mapping.fc0.weight", "synthesis.b4.const", "synthesis.b4.conv1.affine.bias"})
ARGUMENTS = {"z_dim": 512, "c_dim": 0, "w": np.float64(0.5), "kw": {"n": np.int64(8)}, "list": [True, None, "x"]}


@pytest.fixture(scope="module", autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(autouse=True)
def tripwire(tmp_path, monkeypatch):
    """The source in every file would make this file."""
    monkeypatch.setenv("TRIPWIRE", str(tmp_path / "ran"))
    before = set(sys.modules)
    yield
    assert not (tmp_path / "ran").exists()
    assert not [name for name in set(sys.modules) - before if name.split(".")[0] in ("dnnlib", "torch_utils", "timm")]


def state(seed=0):
    rng = torch.Generator().manual_seed(seed)
    shared = torch.randn(12, generator=rng)
    return {
        "mapping.fc0.weight": torch.randn(4, 6, generator=rng).t(),
        "mapping.w_avg": shared[:4],
        "synthesis.b4.const": torch.randn(8, 3, 2, 2, generator=rng).contiguous(memory_format=torch.channels_last),
        "synthesis.b4.resample_filter": shared[4:].reshape(2, 4),
        "synthesis.b4.conv1.affine.bias": torch.randn(5, generator=rng).half(),
        "synthesis.b4.conv1.noise_strength": torch.tensor(0.5),
        "synthesis.b4.conv1.num_batches_tracked": torch.tensor(7),
        "synthesis.b4.conv1.none": torch.zeros(0, 3),
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        assert torch.equal(found[name], value)
        assert not found[name].requires_grad


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_all_networks_come_out_as_they_were(tmp_path, protocol, plain):
    written = {
        name: Network(name, state(seed), ARGUMENTS, PARAMETERS, plain and name == "D")
        for seed, name in enumerate(("G", "D", "G_ema"))
    }
    found = read_persistent(write_pkl(tmp_path / "x.pkl", **written, protocol=protocol))
    assert list(found) == ["G", "D", "G_ema"]
    for seed, name in enumerate(found):
        same(found[name].state, state(seed))
    assert [found[name].class_name for name in found] == ["G", "ProjectedDiscriminator" if plain else "D", "G_ema"]
    assert found["G"].init == {"args": [], "kwargs": {**ARGUMENTS, "w": 0.5, "kw": {"n": 8}}}
    assert type(found["G"].init["kwargs"]["kw"]["n"]) is int


def test_the_order_is_that_of_torch_s_state_dict(tmp_path):
    class Layer(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.register_buffer("b", torch.ones(1))
            self.weight = torch.nn.Parameter(torch.ones(2))
            for name, module in inner.items():
                setattr(self, name, module)

    network = Layer({"z": Layer({}), "a": Layer({"c": Layer({})})})
    parameters = frozenset(dict(network.named_parameters()))
    path = write_pkl(tmp_path / "x.pkl", G=Network("G", network.state_dict(), None, parameters))
    assert list(read_persistent(path)["G"].state) == list(network.state_dict())


def test_only_the_networks_asked_for_are_read(tmp_path):
    path = write_pkl(tmp_path / "x.pkl", G=("G", state()), G_ema=("E", state()))
    broken = path.read_bytes().replace(b"FloatStorage", b"FloatStorxge", 1)
    path.write_bytes(broken)
    with pytest.raises(InputError, match="G: "):
        read_persistent(path)
    assert read_persistent(path, ["G_ema"])["G_ema"].class_name == "E"
    with pytest.raises(InputError, match=r"found D, G, G_ema, augment_pipe, training_set_kwargs, expected D$"):
        read_persistent(path, ["D"])


def test_buffers_that_torch_would_not_save_are_left_out(tmp_path):
    module = torch.nn.Linear(2, 2)
    module.register_buffer("kept", torch.ones(1))
    module.register_buffer("lost", torch.ones(1), persistent=False)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"G": module}))
    found = read_persistent(tmp_path / "x.pkl")["G"]
    assert found.class_name == "Linear"
    same(found.state, {name: value.detach() for name, value in module.state_dict().items()})


def test_a_shared_storage_is_read_once(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"G": shared_modules()}))
    found = read_persistent(tmp_path / "x.pkl")["G"].state
    assert found["0.weight"].data_ptr() == found["1.weight"].data_ptr()
    assert torch.equal(found["0.weight"], found["1.weight"])


def shared_modules():
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    return torch.nn.Sequential(first, second)


MEASURE = """
import pathlib, re, sys
from stylenat.checkpoints.persistent import read_persistent
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = peak()
state = read_persistent(pathlib.Path(sys.argv[1]))["G_ema"].state
print(peak() - before)
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="peaks are measured by Linux")
def test_reading_takes_little_more_memory_than_the_file(tmp_path):
    layers = {f"layer{i}.weight": torch.full((2**20,), float(i)) for i in range(16)}
    path = write_pkl(tmp_path / "x.pkl", G_ema=("G", layers))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True, env=environment
    )
    size = path.stat().st_size
    path.unlink()
    assert size > 64e6
    assert int(ran.stdout) < 1.5 * size
