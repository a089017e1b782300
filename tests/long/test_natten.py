"""The backend on top of natten against natten 0.17.5's numbers, with the two kinds of natten there are, on a CPU.

The file is also the program that does so, since a process can import one natten: it prints each case's errors.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from support import golden

from stylenat.attention import natten_ops, reference
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT

FOLDER = golden.FOLDER / "na"
CASES = sorted(FOLDER.glob("*.npz"))
CPU = torch.device("cpu")


def relative(found, expected):
    expected = torch.as_tensor(expected, dtype=torch.float64).detach()
    return float((found.detach().double() - expected).abs().max() / expected.abs().max())


def load(path, dtype):
    data = np.load(path)
    *inputs, grad_out = (torch.tensor(data[name]).to(dtype) for name in ("q", "k", "v", "rpb", "dout"))
    return data, inputs, grad_out, (int(data["kernel_size"]), int(data["dilation"]))


def unfused_errors(path, dtype):
    """Errors of output and gradients against the file, and without bias against the definition."""
    data, inputs, grad_out, sizes = load(path, dtype)
    q, k, v, bias = inputs = [x.requires_grad_() for x in inputs]
    out = natten_ops.attend(q, k, v, *sizes, bias, 1.0)
    found = (out, *torch.autograd.grad(out, inputs, grad_out))
    errors = {name: relative(x, data[name]) for name, x in zip(("out", "dq", "dk", "dv", "drpb"), found, strict=True)}
    plain = natten_ops.attend(q, k, v, *sizes, None, 0.5)
    found = (plain, *torch.autograd.grad(plain, inputs[:3], grad_out))
    q, k, v = maps = [x.detach().double().requires_grad_() for x in inputs[:3]]
    plain = reference.attend(q, k, v, *sizes, None, 0.5)
    expected = (plain, *torch.autograd.grad(plain, maps, grad_out.double()))
    names = ("plain out", "plain dq", "plain dk", "plain dv")
    return errors | {name: relative(*pair) for name, *pair in zip(names, found, expected, strict=True)}


@torch.no_grad()
def fused_errors(path, dtype):
    """Errors of the output with bias and without it, and how far off the bias left out is."""
    data, (q, k, v, bias), _, sizes = load(path, dtype)
    plain = natten_ops.attend(q, k, v, *sizes, None, 1.0)
    expected = reference.attend(q.double(), k.double(), v.double(), *sizes, None, 1.0)
    return {
        "out": relative(natten_ops.attend(q * 4, k, v, *sizes, bias, 0.25), data["out"]),
        "plain out": relative(plain, expected),
        "bias left out": relative(plain, data["out"]),
    }


def refusal(dtype, gradients, size=4, channels=8):
    """What a request that can't be served is answered."""
    q = torch.zeros(1, 1, 1, 1, 1, dtype=dtype, requires_grad=gradients).expand(1, 1, size, size, channels)
    with pytest.raises(InputError) as caught:
        natten_ops.attend(q, q, q, 3, 1, torch.zeros(1, 5, 5), 1.0)
    return str(caught.value)


REFUSALS = {
    "unfused": {"half": (torch.float16, False)},
    "fused": {
        "double": (torch.float64, False),
        "gradients": (torch.float32, True),
        "positions": (torch.float32, False, 129),
        "channels": (torch.float32, False, 4, 505),
    },
}
ERRORS = {"unfused": unfused_errors, "fused": fused_errors}
DTYPES = {"unfused": (torch.float32, torch.float64), "fused": (torch.float32,)}


def names_of_cuda():
    """What torch.cuda holds but for its modules, some of which torch imports late."""
    return {name: value for name, value in vars(torch.cuda).items() if not isinstance(value, ModuleType)}


def main(name):
    before = names_of_cuda()
    assert natten_ops.unavailable(CPU) is None
    assert names_of_cuda() == before, "a trace is left in torch.cuda"
    answer = {
        "describe": natten_ops.describe(),
        "elsewhere": natten_ops.unavailable(torch.device("cuda")),
        "refusals": {key: refusal(*request) for key, request in REFUSALS[name].items()},
        "errors": {str(dtype): {path.stem: ERRORS[name](path, dtype) for path in CASES} for dtype in DTYPES[name]},
    }
    print(json.dumps(answer))


def answers(kind, name):
    """What this program prints where the natten of a kind is to be found; it is built first if it is missing."""
    subprocess.run(["bash", ROOT / "tests/bench/build_natten.sh", sys.executable, kind], check=True)
    path = os.pathsep.join(str(ROOT / folder) for folder in (f"build/natten-{kind}", "tests", "."))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, Path(__file__), name], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def worst(errors, but=()):
    return max(value for case in errors.values() for name, value in case.items() if name not in but)


@pytest.mark.long
def test_natten_with_a_bias_of_its_own_gives_its_numbers_again():
    found = answers("tuned", "unfused")
    assert found["describe"] == "natten 0.17.5, unfused, its own bias"
    assert found["elsewhere"] == "natten 0.17.5 has no operators for this device"
    assert "got torch.float16, expected one of torch.float32, torch.float64" in found["refusals"]["half"]
    assert len(found["errors"]["torch.float64"]) == len(CASES) > 0
    assert worst(found["errors"]["torch.float32"]) < 1e-5
    assert worst(found["errors"]["torch.float64"]) < 1e-12


@pytest.mark.long
def test_natten_without_bias_gives_the_numbers_by_one_hot_channels():
    found = answers("0.21", "fused")
    errors = found["errors"]["torch.float32"]
    assert found["describe"] == "natten 0.21.7, fused, bias by one-hot channels"
    assert found["elsewhere"] == "natten 0.21.7 has no operators for this device"
    for key, says in (
        ("double", "got torch.float64, expected one of torch.bfloat16, torch.float16, torch.float32"),
        ("gradients", "has no gradients on a CPU"),
        ("positions", "129 x 129 = 16641 positions, expected at most 16384 on a CPU"),
        ("channels", "got 513 channels with those of the bias, expected at most 512 on a CPU"),
    ):
        assert says in found["refusals"][key]
        assert "\n" not in found["refusals"][key]
    assert len(errors) == len(CASES) > 0
    assert worst(errors, but=["bias left out"]) < 1e-5
    assert min(case["bias left out"] for case in errors.values()) > 0.1


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, "natten is not installed"),
        ("0.14.6", "natten 0.14.6 is too old, the oldest that serves is 0.17"),
        ("0.21.7", r"natten 0.21.7 can't be imported \(ModuleNotFoundError: .*\)"),
    ],
)
def test_a_natten_that_can_not_serve_is_named(monkeypatch, version, says):
    monkeypatch.setattr(natten_ops, "version", lambda: version)
    monkeypatch.setitem(sys.modules, "natten", None)
    natten_ops._import.cache_clear()
    with pytest.raises(InputError, match=f"attention backend 'natten': {says}"):
        natten_ops.attend(*[torch.zeros(1, 1, 4, 4, 8)] * 3, 3, 1, None, 1.0)
    assert natten_ops.describe().startswith(f"natten {version or 'is not installed'}")


if __name__ == "__main__":
    main(sys.argv[1])
