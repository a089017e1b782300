"""Maps of attention: what they show is what the modules compute with, and recording changes nothing."""

import pytest
import torch

from stylenat.attention.hydra import FullAttention, HydraAttention
from stylenat.attention.maps import maps_of, recorded


@pytest.fixture
def hydra():
    torch.manual_seed(0)
    module = HydraAttention(16, 4, [3, 3], [1, 2])
    for bias in module.rpb:
        torch.nn.init.normal_(bias)
    return module


def rebuilt(module, x_BHWC):
    """Each head's attended map from the value maps alone, position by position, through one-hot images."""
    height, width = x_BHWC.shape[1:3]
    qkv = module.qkv(x_BHWC).unflatten(-1, (3, module.num_heads, -1))
    value = qkv[0, :, :, 2].permute(2, 0, 1, 3).flatten(1, 2)
    return value, height, width


def test_the_middle_s_weights_give_its_attended_values(hydra):
    x_BHWC = torch.randn(1, 8, 8, 16)
    with torch.no_grad():
        qkv_BHWO = hydra.qkv(x_BHWC)
        maps = maps_of("x", hydra, qkv_BHWO)
        attended = hydra.attend(qkv_BHWO)[0, 4, 4].unflatten(0, (4, 4))
        value_NPC, *_ = rebuilt(hydra, x_BHWC)
    assert (maps.kernel_sizes, maps.dilations) == ([3] * 4, [1, 1, 2, 2])
    found = (maps.middle_NHW.flatten(1).unsqueeze(1) @ value_NPC).squeeze(1)
    torch.testing.assert_close(found, attended, rtol=1e-5, atol=1e-6)
    seen = maps.middle_NHW > 0
    assert seen.flatten(1).sum(1).tolist() == [9] * 4
    assert seen[0, 3:6, 3:6].all()
    assert seen[2, 2:7:2, 2:7:2].all()


def test_what_is_received_is_the_mean_of_all_positions_weights(hydra):
    with torch.no_grad():
        qkv_BHWO = hydra.qkv(torch.randn(1, 6, 6, 16))
        maps = maps_of("x", hydra, qkv_BHWO)
        # The weights of a key are what the attended map becomes when that key's value is one and the others zero.
        ones = qkv_BHWO.clone().unflatten(-1, (3, 4, 4))
        for place in ((0, 0), (3, 2), (5, 5)):
            ones[:, :, :, 2] = 0
            ones[0, place[0], place[1], 2] = 1
            attended = hydra.attend(ones.flatten(3)).unflatten(-1, (4, 4))[0, ..., 0]
            torch.testing.assert_close(maps.received_NHW[:, *place], attended.mean((0, 1)), rtol=1e-5, atol=1e-6)


def test_full_attention_has_maps_too():
    torch.manual_seed(0)
    module = FullAttention(8, 2, 4)
    torch.nn.init.normal_(module.rpb)
    with torch.no_grad():
        qkv_BHWO = module.qkv(torch.randn(1, 4, 4, 8))
        maps = maps_of("x", module, qkv_BHWO)
        attended = module.attend(qkv_BHWO)[0, 2, 2].unflatten(0, (2, 4))
    value_NPC = qkv_BHWO.unflatten(-1, (3, 2, 4))[0, :, :, 2].permute(2, 0, 1, 3).flatten(1, 2)
    found = (maps.middle_NHW.flatten(1).unsqueeze(1) @ value_NPC).squeeze(1)
    torch.testing.assert_close(found, attended, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(maps.received_NHW.sum((1, 2)), torch.ones(2))


def test_recording_changes_nothing_and_ends(hydra):
    network, x_BHWC = torch.nn.Sequential(hydra), torch.randn(2, 8, 8, 16)
    with torch.no_grad():
        before = network(x_BHWC)
        with recorded(network) as found:
            assert torch.equal(network(x_BHWC), before)
            network(x_BHWC)
        assert torch.equal(network(x_BHWC), before)
    assert [maps.name for maps in found] == ["0", "0"]
    assert torch.equal(found[0].middle_NHW, found[1].middle_NHW)
