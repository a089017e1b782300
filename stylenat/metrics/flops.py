"""Floating-point operations of one image, counted by torch: one multiply-add is 2.

Counted are matrix products, convolutions and operators with a registered formula; elementwise work is not. Papers often
print multiply-adds under the name FLOPs: half of this.
"""

import copy

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stylenat.metrics._result import Result

NEEDS = "model"
UNIT = "FLOP"
DIRECTION = "none"
VERSION = 1
PARAMETERS: frozenset[str] = frozenset()
CONVENTION = "one multiply-add = 2 FLOP"


def compute(generator: torch.nn.Module) -> Result:
    """Count one forward pass at batch 1, without computing it where the network can run on the meta device."""
    counter, device = _count_anywhere(generator)
    counts = counter.get_flop_counts()
    root = type(generator).__name__
    by_child = {
        name.removeprefix(f"{root}."): sum(operators.values())
        for name, operators in counts.items()
        if name.startswith(f"{root}.") and name.count(".") == 1
    }
    details = {
        "convention": CONVENTION,
        "by_child": by_child,
        "by_operator": {str(operator): count for operator, count in counts["Global"].items()},
        "device": device,
    }
    return Result(float(counter.get_total_flops()), details)


def _count_anywhere(generator: torch.nn.Module) -> tuple[FlopCounterMode, str]:
    """The count, and the device it was made on: it is the same on all, but meta costs nothing."""
    try:
        return _count(copy.deepcopy(generator).to("meta")), "meta"
    except (NotImplementedError, RuntimeError):  # an operator without a meta version
        return _count(generator), str(next(generator.parameters()).device)


def _count(generator: torch.nn.Module) -> FlopCounterMode:
    device = next(generator.parameters()).device
    z_BZ = torch.zeros(1, generator.spec.z_dim, device=device)
    counter = FlopCounterMode(display=False, depth=None)
    # The fused attention operators of the CPU have no formula; the plain one is made of counted products.
    with sdpa_kernel(SDPBackend.MATH), torch.no_grad(), counter:
        generator(z_BZ)
    return counter
