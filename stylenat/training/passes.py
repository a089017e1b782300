"""The passes of a step: replicas that start from the same buffers, whose gradients and buffers are averaged.

What a pass sees does not depend on the process that it falls to, so that the recipe alone decides the numbers.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from stylenat.objectives import Batch
from stylenat.training.group import Group


class Buffers:
    """The buffers that networks keep in their states: running means, vectors of spectral norms, counters.

    Each pass of a phase finds them as the phase found them, and leaves a change; the phase leaves the mean change, and
    counters as one pass leaves them. A buffer that no pass moves keeps its bits.
    """

    def __init__(self, modules: Sequence[nn.Module], passes: int, group: Group) -> None:
        self.passes, self.group = passes, group
        found = [buffer for module in modules for buffer in _kept(module)]
        self.moving = [buffer for buffer in found if buffer.is_floating_point()]
        self.counters = [buffer for buffer in found if not buffer.is_floating_point()]

    @torch.no_grad()
    def around(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """The batches of this process's passes, one by one; the buffers are right when all are through."""
        if self.passes == 1:
            yield from batches
            return
        before = [buffer.clone() for buffer in self.moving]
        counted = [buffer.clone() for buffer in self.counters]
        changes = [torch.zeros_like(buffer) for buffer in self.moving]
        for batch in batches:
            _put_back(self.counters, counted)
            yield batch
            for buffer, start, change in zip(self.moving, before, changes, strict=True):
                change.add_(buffer - start)
            _put_back(self.moving, before)
        self.group.sum(changes)
        for buffer, change in zip(self.moving, changes, strict=True):
            buffer.add_(change, alpha=1 / self.passes)


def _put_back(buffers: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for buffer, value in zip(buffers, values, strict=True):
        buffer.copy_(value)


def _kept(module: nn.Module) -> list[Tensor]:
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    return [module.get_buffer(name) for name in module.state_dict() if name not in parameters]
