import pytest
import torch

from stylenat.attention import FullAttention, HydraAttention, divide_heads
from stylenat.core.errors import InputError


@pytest.mark.parametrize(
    ("heads", "parts", "counts"),
    [(16, 1, [16]), (16, 2, [8, 8]), (8, 3, [2, 3, 3]), (4, 3, [1, 1, 2]), (7, 5, [1, 1, 1, 2, 2]), (6, 6, [1] * 6)],
)
def test_a_remainder_goes_to_the_last_partitions(heads, parts, counts):
    found = divide_heads(heads, [7] * parts, list(range(1, parts + 1)))
    assert [part.heads for part in found] == counts
    assert [part.dilation for part in found] == list(range(1, parts + 1))


def test_more_partitions_than_heads_are_refused():
    with pytest.raises(InputError, match="found 3 partitions for 2 heads"):
        divide_heads(2, [3, 3, 3], [1, 1, 1])


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_each_partition_is_attention_of_its_own_heads(parts):
    torch.manual_seed(0)
    kernels, dilations, heads = [3, 5, 3][:parts], [1, 2, 4][:parts], 4
    module = HydraAttention(8, heads, kernels, dilations).double()
    for table in module.rpb:
        torch.nn.init.normal_(table)
    x = torch.randn(2, 12, 12, 8, dtype=torch.float64)
    first, outputs = 0, []
    for part, table in zip(module.partitions, module.rpb, strict=True):
        single = HydraAttention(8, heads, [part.kernel_size], [part.dilation]).double()
        single.qkv.load_state_dict(module.qkv.state_dict())
        single.proj.weight.data, single.proj.bias.data = torch.eye(8).double(), torch.zeros(8).double()
        full = torch.zeros_like(single.rpb[0])
        full[first : first + part.heads] = table.detach()
        single.rpb[0].data = full
        outputs.append(single(x)[..., 2 * first : 2 * (first + part.heads)])
        first += part.heads
    torch.testing.assert_close(module(x), module.proj(torch.cat(outputs, dim=-1)))


def test_full_attention_is_a_neighborhood_as_large_as_the_map():
    """On a 5 x 5 map a kernel of 5 sees all: both modules must agree."""
    torch.manual_seed(0)
    full, hydra = FullAttention(8, 2, 5).double(), HydraAttention(8, 2, [5], [1]).double()
    torch.nn.init.normal_(full.rpb)
    hydra.qkv.load_state_dict(full.qkv.state_dict())
    hydra.proj.load_state_dict(full.proj.state_dict())
    hydra.rpb[0].data = full.rpb.detach().clone()
    x = torch.randn(3, 5, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(full(x), hydra(x))


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="10 channels can't be divided among 4 heads"):
        HydraAttention(10, 4, [3], [1])
