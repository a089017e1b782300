"""Inception-v3 weights made of seeded random numbers: the whole path of a metric, with nothing to download."""

import torch
from torchvision.models import inception_v3

from stylenat.core.seeds import generator_at

NETWORK = "the 2015-12-05 Inception-v3"
NUM_CLASSES = 1008


def expected_state() -> dict[str, torch.Tensor]:
    """Names, shapes and dtypes of the 2015-12-05 network's state, on the meta device.

    The two libraries' networks differ from torchvision's in pooling alone, so that the states have the same form.
    """
    with torch.device("meta"):
        network = inception_v3(weights=None, num_classes=NUM_CLASSES, aux_logits=False, init_weights=False)
    return network.state_dict()


def random_inception(seed: int) -> dict[str, torch.Tensor]:
    """A state with He-normal convolutions and neutral normalisation, which keeps activations of order one."""
    return {
        name: _tensor(seed, index, name, like) for index, (name, like) in enumerate(sorted(expected_state().items()))
    }


def _tensor(seed: int, index: int, name: str, like: torch.Tensor) -> torch.Tensor:
    if like.ndim >= 2:
        values = generator_at(seed, "inception", index).standard_normal(tuple(like.shape), dtype="float32")
        return torch.from_numpy(values).mul_((2 / like[0].numel()) ** 0.5)
    if name.endswith(("running_var", "bn.weight")):
        return torch.ones(like.shape, dtype=like.dtype)
    return torch.zeros(like.shape, dtype=like.dtype)
