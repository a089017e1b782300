"""Linear layers with what follows them in the same pass over memory, where no gradient is taken.

On a CPU oneDNN computes the product and applies the rest to each tile while it is in cache; elsewhere, and where this
build of torch lacks it, the plain operators run.

Shape suffixes: x_TC rows of features, weight_OC, bias_O.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def fusable(x: Tensor) -> bool:
    """Whether oneDNN's fused operators serve x: a float32 on a CPU, outside of autocast."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
    )


def linear(x_TC: Tensor, weight_OC: Tensor, bias_O: Tensor | None) -> Tensor:
    """(T, C) to (T, O)."""
    if fusable(x_TC):
        return torch.ops.mkldnn._linear_pointwise(x_TC, weight_OC, bias_O, "none", [], "")
    return F.linear(x_TC, weight_OC, bias_O)


def linear_gelu(x_TC: Tensor, weight_OC: Tensor, bias_O: Tensor | None) -> Tensor:
    """(T, C) to (T, O), behind it the exact GELU."""
    if fusable(x_TC):
        return torch.ops.mkldnn._linear_pointwise(x_TC, weight_OC, bias_O, "gelu", [], "none")
    return F.gelu(F.linear(x_TC, weight_OC, bias_O))


def linear_add(x_TC: Tensor, weight_OC: Tensor, bias_O: Tensor | None, residual_TO: Tensor) -> Tensor:
    """(T, C) to (T, O), added to a residual (T, O)."""
    if fusable(x_TC):
        return torch.ops.mkldnn._linear_pointwise.binary(x_TC, residual_TO, weight_OC, bias_O, "add")
    return residual_TO + F.linear(x_TC, weight_OC, bias_O)
