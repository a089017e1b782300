"""Floating-point operations of one image, counted by torch: one multiply-add is 2.

Counted are products: of matrices and vectors, convolutions, attention. Elementwise work, sums and norms are not; the
record names the operators of that kind that ran. The number is that of the network as it trains, module by module, so
that it is the same on every machine. Without gradients some networks take ways of their own, which fold one product
into another's weights or filter rows twice: what those did on this machine can stand beside it. See docs/counting.md.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from stylenat.metrics._result import Result, check_flag

NEEDS = "model"
NEEDS_VALUES = True
UNIT = "FLOP"
DIRECTION = "none"
VERSION = 2  # 1 missed the products of networks that took a way of their own without gradients
PARAMETERS = frozenset({"inference"})
CONVENTION = "one multiply-add = 2 FLOP"
WAY = "as the network trains: the products of its modules, none of them folded into another's weights"

Shape = tuple[int, ...]
# Operators that torch has no formula for, and which of their arguments is the first factor.
FIRST_FACTOR = {"mv": 0, "dot": 0, "vdot": 0, "addmm_": 1, "addmv": 1, "addmv_": 1, "addbmm": 1, "addbmm_": 1}
FIRST_FACTOR |= {"baddbmm_": 1, "_addmm_activation": 1}


def compute(generator: torch.nn.Module, *, inference: bool = False) -> Result:
    """Count one forward pass at batch 1, on the meta device where the network can run there.

    With `inference` an image is really made without gradients as well, and what that took stands in the details: at
    1024 px that takes minutes on a CPU.

    Raises:
        InputError: `inference` is neither true nor false.
    """
    check_flag("flops", "inference", inference)
    count, device = _count_anywhere(generator)
    details = {
        "convention": CONVENTION,
        "way": WAY,
        "by_child": _by_child(generator, count),
        **_operators(count),
        "device": device,
    }
    if inference:
        details["inference"] = _inference(generator)
    return Result(float(count.get_total_flops()), details)


class _Counter(FlopCounterMode):
    """torch's counter with formulas of more operators, and a memory for those that have none."""

    def __init__(self) -> None:
        super().__init__(display=False, depth=None, custom_mapping=_formulas())
        self.seen = _Seen()

    def __enter__(self) -> "_Counter":
        self.seen.__enter__()  # below the counter, which takes composite operators apart
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.seen.__exit__(*error)


class _Seen(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operators: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators.add(func._overloadpacket)
        return func(*args, **(kwargs or {}))


def _formulas() -> dict[Any, Callable[..., int]]:
    """By operator; they get shapes in the place of tensors."""
    aten, mkldnn = torch.ops.aten, torch.ops.mkldnn
    found: dict[Any, Callable[..., int]] = {getattr(aten, name): _product(at) for name, at in FIRST_FACTOR.items()}
    found[aten._scaled_dot_product_flash_attention_for_cpu] = _attention
    if hasattr(mkldnn, "_linear_pointwise"):  # a build of torch without oneDNN has none
        found[mkldnn._linear_pointwise] = _linear
    return found


def _product(at: int) -> Callable[..., int]:
    def formula(*shapes: Any, **_: Any) -> int:
        first, second = shapes[at : at + 2]
        return 2 * prod(first) * (second[-1] if len(second) > 1 else 1)

    return formula


def _attention(q: Shape, k: Shape, v: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


def _linear(x: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * prod(x) * out_shape[-1]


def _operators(count: _Counter) -> dict[str, Any]:
    counted = count.get_flop_counts().get("Global", {})
    return {
        "by_operator": {str(operator): flop for operator, flop in counted.items()},
        "not_counted": sorted(str(operator) for operator in count.seen.operators if operator not in counted),
    }


def _by_child(generator: torch.nn.Module, count: _Counter) -> dict[str, int]:
    counts, name = count.get_flop_counts(), type(generator).__name__
    found = {child_name: _of(child, f"{name}.{child_name}", counts) for child_name, child in generator.named_children()}
    found["itself"] = count.get_total_flops() - sum(found.values())
    return {child_name: flop for child_name, flop in found.items() if flop}


def _of(module: torch.nn.Module, name: str, counts: dict[str, dict[Any, int]]) -> int:
    """The count of a module; a container that is never called has its children's."""
    if name in counts:
        return sum(counts[name].values())
    return sum(_of(child, f"{name}.{child_name}", counts) for child_name, child in module.named_children())


def _count_anywhere(generator: torch.nn.Module) -> tuple[_Counter, str]:
    """The count, and the device it was made on: it is the same on all, but meta costs nothing."""
    try:
        return _count_as_defined(_frozen_copy(generator).to("meta")), "meta"
    except (NotImplementedError, RuntimeError):  # an operator without a meta version
        return _count_as_defined(_frozen_copy(generator)), _device(generator)


def _frozen_copy(generator: torch.nn.Module) -> torch.nn.Module:
    """A copy without gradients: the counter stumbles over a module that gives back a view of its parameter."""
    return copy.deepcopy(generator).requires_grad_(False)


def _count_as_defined(generator: torch.nn.Module) -> _Counter:
    """Count a network of frozen parameters where gradients may be taken, so that it takes no way of its own."""
    # One attention operator in two products, which belong to its module like all others.
    with sdpa_kernel(SDPBackend.MATH):
        return _count(generator, torch.enable_grad())


def _inference(generator: torch.nn.Module) -> dict[str, Any] | None:
    """What one image took where it was made as for sampling; None for a network of shapes alone."""
    if _device(generator) == "meta":
        return None
    count = _count(_frozen_copy(generator), torch.inference_mode())
    return {"device": _device(generator), "value": count.get_total_flops(), **_operators(count)}


def _count(generator: torch.nn.Module, gradients: AbstractContextManager[Any]) -> _Counter:
    z_BZ = torch.zeros(1, generator.spec.z_dim, device=_device(generator))
    with gradients, _Counter() as count:
        generator(z_BZ)
    return count


def _device(generator: torch.nn.Module) -> str:
    return str(next(generator.parameters()).device)
