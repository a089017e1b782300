"""Floating-point operations of one image, counted by torch: one multiply-add is 2.

Counted are matrix products, convolutions and operators with a registered formula; elementwise work is not. Papers often
print multiply-adds under the name FLOPs: half of this.
"""

import copy
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stylenat.metrics._result import Result

NEEDS = "model"
NEEDS_VALUES = True
UNIT = "FLOP"
DIRECTION = "none"
VERSION = 2  # 1 missed the products of networks that took a way of their own without gradients
PARAMETERS: frozenset[str] = frozenset()
CONVENTION = "one multiply-add = 2 FLOP"


def compute(generator: torch.nn.Module) -> Result:
    """Count one forward pass at batch 1, without computing it where the network can run on the meta device."""
    counter, device = _count_anywhere(generator)
    counts, total = counter.get_flop_counts(), counter.get_total_flops()
    by_child = {
        name: _of(child, f"{type(generator).__name__}.{name}", counts) for name, child in generator.named_children()
    }
    by_child["itself"] = total - sum(by_child.values())
    details = {
        "convention": CONVENTION,
        "by_child": {name: count for name, count in by_child.items() if count},
        "by_operator": {str(operator): count for operator, count in counts.get("Global", {}).items()},
        "device": device,
    }
    return Result(float(total), details)


def _of(module: torch.nn.Module, name: str, counts: dict[str, dict[Any, int]]) -> int:
    """The count of a module; a container that is never called has its children's."""
    if name in counts:
        return sum(counts[name].values())
    return sum(_of(child, f"{name}.{child_name}", counts) for child_name, child in module.named_children())


def _count_anywhere(generator: torch.nn.Module) -> tuple[FlopCounterMode, str]:
    """The count, and the device it was made on: it is the same on all, but meta costs nothing."""
    try:
        return _count(_frozen_copy(generator).to("meta")), "meta"
    except (NotImplementedError, RuntimeError):  # an operator without a meta version
        return _count(_frozen_copy(generator)), str(next(generator.parameters()).device)


def _frozen_copy(generator: torch.nn.Module) -> torch.nn.Module:
    """A copy without gradients: the counter stumbles over a module that gives back a view of its parameter."""
    return copy.deepcopy(generator).requires_grad_(False)


def _count(generator: torch.nn.Module) -> FlopCounterMode:
    device = next(generator.parameters()).device
    z_BZ = torch.zeros(1, generator.spec.z_dim, device=device)
    counter = FlopCounterMode(display=False, depth=None)
    # The fused attention operators of the CPU have no formula; the plain one is made of counted products. So are the
    # networks' plain ways, which run where gradients may be taken; of frozen parameters none are.
    with sdpa_kernel(SDPBackend.MATH), torch.enable_grad(), counter:
        generator(z_BZ)
    return counter
