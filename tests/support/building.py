"""What every network must survive: the meta device, being emptied, being copied."""

import copy

import torch


def check_emptied_and_loaded(network, make, x):
    """A network made on the meta device, emptied and loaded computes what `network` does."""
    with torch.device("meta"):
        other = make()
    other.to_empty(device="cpu").eval()
    for buffer in other.buffers():
        buffer.fill_(float("nan") if buffer.is_floating_point() else 7)
    other.load_state_dict(network.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(other(x), network(x))


def check_copy(network, x):
    """A copy is equal and independent."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        before = network(x)
        for parameter in other.parameters():
            parameter.add_(1)
        assert torch.equal(network(x), before)
        other.load_state_dict(network.state_dict())
        assert torch.equal(other(x), before)
