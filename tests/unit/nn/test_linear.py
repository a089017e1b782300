"""The linear layer of training: torch's numbers and gradients, whichever operators it takes."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from stylenat.nn import linear as module
from stylenat.nn.linear import Linear


def pair(bias=True):
    torch.manual_seed(0)
    ours = Linear(6, 9, bias=bias)
    theirs = nn.Linear(6, 9, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(layer, x, second=False):
    """The output, and the gradients of a sum of sines of it; or those of the first gradient's square."""
    x = x.detach().requires_grad_()
    out = layer(x.transpose(1, 2) if x.shape[1] == 6 else x)
    wanted = [x, *(p for p in layer.parameters() if p.requires_grad)]
    found = torch.autograd.grad(out.sin().sum(), wanted, create_graph=second)
    if second:
        found = torch.autograd.grad(found[0].square().sum(), wanted[:2])
    return [out.detach(), *found]


@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 6, 4)], ids=["contiguous", "strided"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("second", [False, True])
def test_values_and_gradients_are_torchs(shape, bias, second):
    ours, theirs = pair(bias)
    x = torch.randn(shape)
    for found, expected in zip(gradients(ours, x, second), gradients(theirs, x, second), strict=True):
        torch.testing.assert_close(found, expected)


class Operators(TorchDispatchMode):
    """The operators that run inside."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


def test_a_layer_that_learns_makes_its_weights_gradient_by_torchs_product():
    ours, _ = pair()
    with Operators() as operators:
        gradients(ours, torch.randn(2, 5, 6))
    assert operators.seen.count(torch.ops.aten.mm.default) == 1


def test_a_frozen_layer_hands_its_gradient_on():
    ours, theirs = pair()
    x = torch.randn(2, 5, 6)
    expected = gradients(theirs, x)[1]
    ours.requires_grad_(False)
    with Operators() as operators:
        found = gradients(ours, x)
    assert len(found) == 2
    assert torch.ops.aten.mm.default not in operators.seen  # the weight's gradient is torch's product
    torch.testing.assert_close(found[1], expected)
    assert ours.weight.grad is None


def test_it_takes_the_faster_product_where_a_gradient_is_taken_and_only_there(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "linear", lambda x, w, b: calls.append(x.shape) or nn.functional.linear(x, w, b))
    ours, _ = pair()
    x = torch.randn(2, 5, 6, requires_grad=True)
    ours(x).sum().backward()
    assert calls == [(2, 5, 6), (10, 9)]
    with torch.no_grad():
        ours(x)
    ours(x.detach())
    ours.double()(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        ours.float()(x)
    assert len(calls) == 2
