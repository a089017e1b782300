"""From a foreign state to a network's: each key is loaded, dropped for a reason, or named in one line."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from stylenat.checkpoints import skeleton
from stylenat.checkpoints.accept import Rule, drop_buffers, take_state
from stylenat.core.errors import InputError
from stylenat.nn.resample import fir_kernel

PATH = Path("x.pt")
RULES = (
    Rule(re.compile(r"filter(\d)"), "filter", lambda match: torch.full((2,), float(match[1]))),
    Rule(re.compile(r"loose"), "filter", lambda _: torch.zeros(1), 0.5),
    Rule(re.compile(r"noise"), "noise", None),
)


@pytest.fixture
def network():
    with torch.device("meta"):
        return nn.Linear(3, 2)


def state(**changes):
    found = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}
    return {**found, **{name: value for name, value in changes.items() if value is not None}}


def test_every_key_has_a_fate(network):
    foreign = {f"module.{name}": value for name, value in state().items()}
    foreign |= {"filter3": torch.full((2,), 3.0), "noise": torch.tensor(float("nan")), "loose": torch.tensor([0.4])}
    taken, found = take_state(foreign, network, PATH, "generator", RULES)
    assert found == {
        "parameters": 8,
        "renamed": {"module.weight": "weight", "module.bias": "bias"},
        "buffers_dropped": {"equal_to_ours": ["filter3", "loose"], "without_effect": ["noise"]},
    }
    assert all(torch.equal(taken[name], value) for name, value in state().items())
    assert taken.keys() == network.state_dict().keys()


def test_what_is_taken_is_a_copy_in_the_usual_order(network):
    shared = torch.arange(8.0)
    foreign = {"weight": shared[:6].reshape(3, 2).t(), "bias": shared[6:]}
    taken, _ = take_state(foreign, network, PATH, "generator")
    assert all(
        value.is_contiguous() and value.untyped_storage().nbytes() == 4 * value.numel() for value in taken.values()
    )
    assert torch.equal(taken["weight"], foreign["weight"])


@pytest.mark.parametrize(
    ("foreign", "says"),
    [
        (state(x=torch.ones(1)), r"holds another network: 1 unknown \(x\)$"),
        ({"bias": torch.ones(2)}, r"1 missing \(weight\)$"),
        (state(bias=torch.ones(3)), r"1 of another shape \(bias \(3,\), expected \(2,\)\)$"),
        ({**state(), "module.bias": torch.ones(2)}, r"1 unknown \(module\.bias\)$"),
        ({**state(), 1: torch.ones(2), "1": torch.ones(2)}, "1 names twice"),
        ({**state(), "a\nb": torch.ones(1)}, r"1 unknown \(a\\nb\)$"),
        ({**state(), "y" * 999: torch.ones(1)}, r"1 unknown \(y{100}\.\.\.\)$"),
        (state(filter1=torch.full((2,), 1.01)), "filter1 differs from this network's: another filter"),
        (state(filter1=torch.full((3,), 1.0)), "filter1 differs from this network's: another filter"),
        (state(loose=torch.tensor([0.6])), "loose differs"),
    ],
)
def test_a_state_that_does_not_fit_is_one_line(network, foreign, says):
    with pytest.raises(InputError, match=says) as caught:
        take_state(foreign, network, PATH, "generator", RULES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        3,
        None,
        "text",
        torch.zeros(2).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.zeros(1).expand(10**12),
        torch.zeros(2, dtype=torch.complex64),
        torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8),
    ],
)
def test_only_dense_tensors_of_their_own_memory_are_taken(network, value):
    with pytest.raises(InputError, match=r"the discriminator is no state of tensors: 1 of another type \(bias\)"):
        take_state({**state(), "bias": value}, network, PATH, "discriminator")


def test_the_skeleton_s_buffers_are_told_from_others():
    right = {
        "to_rgbs.0.upsample.kernel": fir_kernel(4.0)[0, 0],
        "from_rgbs.1.downsample.kernel": fir_kernel()[0, 0],
        "convs.0.conv2.0.kernel": fir_kernel()[0, 0].half(),
        "dwt.ll": torch.full((2, 2), 0.5),
        "from_rgbs.1.iwt.lh": torch.tensor([[0.5, 0.5], [-0.5, -0.5]]),
        "layers.0.upsample.sin_pos_embed._float_tensor": torch.tensor([float("inf")]),
    }
    kept, dropped = drop_buffers({**right, "input.input": torch.ones(1)}, skeleton.RULES, PATH)
    assert list(kept) == ["input.input"]
    assert sorted(dropped["equal_to_ours"] + dropped["without_effect"]) == sorted(right)
    for name, value in list(right.items())[:-1]:
        with pytest.raises(InputError, match="differs from this network's"):
            drop_buffers({name: -value}, skeleton.RULES, PATH)
