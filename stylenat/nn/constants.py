"""Buffers that follow from a module's sizes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn


def register_constant(module: nn.Module, name: str, make: Callable[[], torch.Tensor]) -> None:
    """Register what `make` returns as a buffer outside the state, made again whenever a state is loaded.

    Without that, a module that `to_empty` has emptied would keep arbitrary numbers there.
    """
    module.register_buffer(name, make(), persistent=False)
    module.register_load_state_dict_post_hook(partial(_restore, name=name, make=make))


@torch.no_grad()
def _restore(module: nn.Module, _keys: Any, *, name: str, make: Callable[[], torch.Tensor]) -> None:
    module.get_buffer(name).copy_(make())
