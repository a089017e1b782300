"""Number of parameters of a network: elements of all parameters, shared ones once, frozen ones too, buffers apart."""

import torch

from stylenat.core.errors import InputError
from stylenat.metrics._result import Result

NEEDS = "model"
NEEDS_VALUES = False  # a network of shapes alone will do
UNIT = "parameters"
DIRECTION = "none"
VERSION = 1
PARAMETERS = frozenset({"part"})
PARTS = ("generator", "discriminator")


def compute(network: torch.nn.Module, *, part: str = "generator") -> Result:
    """Count a network's parameters; `part` says which of a model's two networks it is.

    Raises:
        InputError: there is no such part.
    """
    if part not in PARTS:
        raise InputError(f"metric 'parameters': part is {part!r}, expected one of {', '.join(PARTS)}")
    parameters = list(network.parameters())
    total = sum(parameter.numel() for parameter in parameters)
    details = {
        "part": part,
        "trainable": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "buffers": sum(buffer.numel() for buffer in network.buffers()),
        "by_child": _by_child(network),
    }
    return Result(float(total), details)


def _by_child(network: torch.nn.Module) -> dict[str, int]:
    """Parameters by first part of their names; the network's own stand under their own names."""
    counts: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        child = name.partition(".")[0]
        counts[child] = counts.get(child, 0) + parameter.numel()
    return counts
