"""Linear layers whose gradient is taken: on a CPU by oneDNN's products, which are faster than torch's own there.

Shape suffixes: x_C features in the last dimension, in any number of others; weight_OC, bias_O.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylenat.nn.fused_linear import fusable, linear


class Linear(nn.Linear):
    """torch's linear layer, faster in training on a CPU; names, values and initialisation are the same."""

    def forward(self, x_C: Tensor) -> Tensor:
        """(..., C) to (..., O)."""
        trained = torch.is_grad_enabled() and x_C.requires_grad and fusable(x_C)
        if not trained or torch.compiler.is_compiling():
            return F.linear(x_C, self.weight, self.bias)
        return _Linear.apply(x_C, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    """The product, and the product with the transposed weight for the gradient of the features."""

    @staticmethod
    def forward(ctx: Any, x_C: Tensor, weight_OC: Tensor, bias_O: Tensor | None) -> Tensor:
        ctx.save_for_backward(x_C, weight_OC)
        return linear(x_C, weight_OC, bias_O)

    @staticmethod
    def backward(ctx: Any, grad_O: Tensor) -> tuple[Tensor | None, ...]:
        x_C, weight_OC = ctx.saved_tensors
        # What is to be differentiated again needs operators that have a derivative; oneDNN's have none.
        product = F.linear if torch.is_grad_enabled() else linear
        grad_x, grad_TO = None, grad_O.flatten(0, -2)
        if ctx.needs_input_grad[0]:
            grad_x = product(grad_TO, weight_OC.t(), None).view(x_C.shape)
        grad_weight = grad_TO.t() @ x_C.flatten(0, -2) if ctx.needs_input_grad[1] else None
        return grad_x, grad_weight, grad_TO.sum(0) if ctx.needs_input_grad[2] else None
