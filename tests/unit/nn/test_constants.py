import copy

import pytest
import torch

from stylenat.nn.constants import register_constant
from stylenat.nn.resample import UpsampleFIR


def made():
    return torch.tensor([1.0, 0.5])


@pytest.fixture
def module():
    outer = torch.nn.Module()
    outer.inner = torch.nn.Linear(2, 2)
    register_constant(outer.inner, "table", made)
    return outer


def test_a_constant_is_no_part_of_the_state(module):
    assert set(module.state_dict()) == {"inner.weight", "inner.bias"}
    assert not UpsampleFIR().state_dict()


@pytest.mark.parametrize("copied", [False, True])
def test_loading_a_state_into_an_emptied_module_makes_it_again(module, copied):
    state = module.state_dict()
    emptied = (copy.deepcopy(module) if copied else module).to("meta").to_empty(device="cpu")
    emptied.inner.table.fill_(float("nan"))
    emptied.load_state_dict(state)
    assert torch.equal(emptied.inner.table, made())


def test_its_dtype_stays_that_of_the_module(module):
    module.double().load_state_dict(module.state_dict())
    assert module.inner.table.dtype == torch.float64
