"""What fvcore counts in a network: an independent counter, by other formulas, on torch's trace instead of its dispatch.

It counts one multiply-add as 1, and names the operators that nobody gave a formula. Formulas of this project's own
operators, and of those of torch that fvcore does not know, are here; operators without a product are listed here too.
What is in neither list comes out as unsupported.
"""

from collections import Counter
from math import prod
from typing import NamedTuple
from unittest import mock

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import get_shape

# By bare name: the operator that writes over its input does the same work. One number in, one out; sums and norms.
ELEMENTWISE = """
    add addcmul clamp div gelu leaky_relu maximum mul neg pow rsqrt rsub sin sqrt square sub
    _native_batch_norm_legit_no_training _safe_softmax _softmax batch_norm layer_norm linalg_vector_norm mean
    native_batch_norm native_layer_norm softmax sum upsample_bilinear2d var_mean
"""
# Views, copies, rearrangement, constants.
MEMORY = """
    _to_copy _unsafe_index _unsafe_view alias arange cat clone copy detach empty expand index index_select mT new_empty
    numel numpy_T permute repeat roll select slice split split_with_sizes squeeze stack t transpose unbind unflatten
    unsqueeze view zeros_like
"""
WITHOUT_PRODUCTS = frozenset(f"{ELEMENTWISE} {MEMORY}".split())


class Found(NamedTuple):
    """Multiply-adds of one image."""

    total: int
    by_operator: dict
    unsupported: set


def count(network, z_BZ):
    """What fvcore finds in a forward pass, by whatever way the network takes where it is called."""
    analysis = FlopCountAnalysis(network, z_BZ).set_op_handle(**PRODUCTS)
    analysis.set_op_handle(**{f"aten::{name}{end}": nothing for name in WITHOUT_PRODUCTS for end in ("", "_")})
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    # Under the tracer a size is a tensor, and Python's `round` does not take one.
    with mock.patch.object(torch.Tensor, "__round__", lambda size: int(size + 0.5), create=True):
        total = analysis.total()
    counts = {name: found for name, found in analysis.by_operator().items() if found}
    return Found(total, counts, set(analysis.unsupported_ops()))


def nothing(inputs, outputs):
    """The handle of an operator without products."""
    return 0


def sizes(value):
    """The shapes of a list of tensors."""
    return [get_shape(each) for each in value.node().inputs()]


def numbers(value):
    """A list of constants."""
    return [each.toIValue() for each in value.node().inputs()]


def neighborhood(inputs, out_BNHWC):
    """Every number of the result has K * K terms; its logits are as much work again."""
    maps, _, heads, kernels = inputs[:4]
    *_, last = sizes(maps)
    batch, height, width = (last[0], *last[1:3]) if len(last) == 6 else (last[0], *last[2:4])
    assert out_BNHWC in (None, [batch, sum(numbers(heads)), height, width, last[-1]])
    terms = sum(n * k * k for n, k in zip(numbers(heads), numbers(kernels), strict=True))
    return {"neighborhood": 2 * batch * height * width * last[-1] * terms}


def attend(inputs, outputs):
    """`stylenat::attend`."""
    return Counter(neighborhood(inputs, get_shape(outputs[0])))


def attend_into(inputs, outputs):
    """`stylenat::attend_into`: the result is its first argument."""
    return Counter(neighborhood(inputs[1:], get_shape(inputs[0])))


def full_attention(inputs, outputs):
    """Logits, and sums of values: both have a term for each query, key and channel."""
    q, k, v = map(get_shape, inputs[:3])
    return Counter({"attention": prod(q[:-2]) * q[-2] * k[-2] * (k[-1] + v[-1])})


def batched(inputs, outputs):
    """`baddbmm`: a sum, and the two factors."""
    batch, rows, inner = get_shape(inputs[1])
    return Counter({"baddbmm": batch * rows * inner * get_shape(inputs[2])[2]})


def product(inputs, outputs):
    """`matmul`, of a matrix with a vector as well, which fvcore's own handle does not take."""
    first, second = map(get_shape, inputs)
    return Counter({"matmul": prod(first) * (second[-1] if len(second) > 1 else 1)})


def of_matrix_and_vector(place):
    """`mv` and its like: a term for each number of the matrix."""
    return lambda inputs, outputs: Counter({"mv": prod(get_shape(inputs[place]))})


def einsum(inputs, outputs):
    """A sum over two factors: a term for each value of all letters. fvcore's own handle rounds to four digits."""
    factors = inputs[0].toIValue().split("->")[0].split(",")
    assert len(factors) == 2
    side = {}
    for letters, shape in zip(factors, sizes(inputs[1]), strict=True):
        side |= dict(zip(letters, shape, strict=True))
    return Counter({"einsum": prod(side.values())})


PRODUCTS = {
    "stylenat::attend": attend,
    "stylenat::attend_into": attend_into,
    "aten::scaled_dot_product_attention": full_attention,
    "aten::matmul": product,
    "aten::baddbmm": batched,
    "aten::baddbmm_": batched,
    "aten::mv": of_matrix_and_vector(0),
    "aten::addmv": of_matrix_and_vector(1),
    "aten::einsum": einsum,
}
