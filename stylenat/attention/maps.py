"""Where the heads of a network look: maps of every attention module, taken while one image is made.

Shape suffixes: qkv_BHWO packed projections (O = 3 N C), weight_PJ how much each of P positions looks at its J keys,
map_NHW one map a head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylenat.attention import reference
from stylenat.attention.hydra import FullAttention, HydraAttention, relative_position_index


@dataclass(frozen=True)
class Maps:
    """One module's: the weights of the position in the middle, and what each position gets from all, their mean."""

    name: str  # the module's, in the network
    kernel_sizes: list[int]  # by head; the whole map's side where attention is full
    dilations: list[int]  # by head
    middle_NHW: Tensor
    received_NHW: Tensor


@contextmanager
def recorded(network: nn.Module) -> Iterator[list[Maps]]:
    """The maps of every call in the block, in order; of the first image of each batch."""
    found: list[Maps] = []
    modules = [(name, x) for name, x in network.named_modules() if isinstance(x, HydraAttention | FullAttention)]
    for name, module in modules:
        module.attend = _Recorder(name, module, found)
    try:
        yield found
    finally:
        for _, module in modules:
            del module.attend


class _Recorder:
    """A module's `attend` that leaves its maps."""

    def __init__(self, name: str, module: HydraAttention | FullAttention, found: list[Maps]) -> None:
        self.name, self.module, self.found, self.attend = name, module, found, module.attend

    def __call__(self, qkv_BHWO: Tensor, *rest: Tensor, **options: Tensor) -> Tensor:
        """The attended map."""
        with torch.no_grad():
            self.found.append(maps_of(self.name, self.module, qkv_BHWO[:1]))
        return self.attend(qkv_BHWO, *rest, **options)


def maps_of(name: str, module: HydraAttention | FullAttention, qkv_BHWO: Tensor) -> Maps:
    """The maps of one image's packed projections, (1, H, W, O)."""
    q_NHWC, k_NHWC, _ = qkv_BHWO[0].float().unflatten(-1, (3, module.num_heads, -1)).permute(2, 3, 0, 1, 4)
    if isinstance(module, FullAttention):
        side = module.resolution
        heads = [(bias_RR, side, 1) for bias_RR in module.rpb]
        weigh = _full
    else:
        heads = [
            (bias_RR, part.kernel_size, part.dilation)
            for part, bias_NRR in zip(module.partitions, module.rpb, strict=True)
            for bias_RR in bias_NRR
        ]
        weigh = _neighborhood
    # One head at a time: gathered windows are large.
    rows = [weigh(q, k, *head) for q, k, head in zip(q_NHWC, k_NHWC, heads, strict=True)]
    middle, received = (torch.stack(column) for column in zip(*rows, strict=True))
    return Maps(name, [kernel for _, kernel, _ in heads], [dilation for _, _, dilation in heads], middle, received)


def _neighborhood(q_HWC: Tensor, k_HWC: Tensor, bias_RR: Tensor, kernel: int, dilation: int) -> tuple[Tensor, Tensor]:
    height, width, channels = q_HWC.shape
    weight, key_PJ = reference.weights(
        q_HWC[None, None], k_HWC[None, None], kernel, dilation, bias_RR[None], channels**-0.5
    )
    weight_PJ, place = weight[0, 0], (height // 2) * width + width // 2
    middle_P = weight_PJ.new_zeros(height * width).index_add(0, key_PJ[place], weight_PJ[place])
    received_P = weight_PJ.new_zeros(height * width).index_add(0, key_PJ.flatten(), weight_PJ.flatten())
    return middle_P.view(height, width), received_P.view(height, width) / (height * width)


def _full(q_HWC: Tensor, k_HWC: Tensor, bias_RR: Tensor, side: int, _: int) -> tuple[Tensor, Tensor]:
    bias_TT = bias_RR.flatten()[relative_position_index(side, q_HWC.device)]
    q_TC, k_TC = q_HWC.flatten(0, 1), k_HWC.flatten(0, 1)
    weight_TT = (q_TC * q_TC.shape[1] ** -0.5 @ k_TC.T + bias_TT).softmax(dim=1)
    place = (side // 2) * side + side // 2
    return weight_TT[place].view(side, side), weight_TT.mean(dim=0).view(side, side)
