"""The processes of a training, as torchrun starts them; a single process is a group of one.

Gradients and what passes leave in buffers are summed over the group; every process then takes the same step.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from stylenat.core.errors import InputError

SILENCE = timedelta(minutes=30)  # how long the others are waited for: writing a state on a slow disk takes a while


class LostProcess(InputError):
    """Another process of the training ended."""


@dataclass(frozen=True)
class Group:
    """One of `size` processes; the first one writes files and shows progress."""

    rank: int = 0
    size: int = 1
    control: Any = None  # a group of the CPUs, for what is no tensor of the training

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, passes: int) -> range:
        """The passes of a step that fall to this process.

        Raises:
            InputError: the passes can't be divided equally.
        """
        if passes % self.size:
            raise InputError(
                f"a step of {passes} passes can't be divided among {self.size} processes; expected a number of"
                f" processes that divides it (the recipe's batch_size / pass_size is {passes})"
            )
        count = passes // self.size
        return range(self.rank * count, (self.rank + 1) * count)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace floating-point tensors, the same ones in every process, by their sums over the group."""
        if self.size == 1 or not tensors:
            return
        for dtype in sorted({x.dtype for x in tensors}, key=str):
            chosen = [x for x in tensors if x.dtype == dtype]
            flat = torch.cat([x.detach().reshape(-1) for x in chosen])
            with _told(self):
                dist.all_reduce(flat)
            for x, part in zip(chosen, flat.split([x.numel() for x in chosen]), strict=True):
                x.detach().copy_(part.view(x.shape))

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.size == 1:
            return flag
        seen = torch.tensor([int(flag)])
        with _told(self):
            dist.all_reduce(seen, dist.ReduceOp.MAX, group=self.control)
        return bool(seen.item())

    def agree(self, value: Any) -> Any:
        """The first process's value, plain data, in every process."""
        if self.size == 1:
            return value
        values = [value]
        with _told(self):
            dist.broadcast_object_list(values, 0, group=self.control)
        return values[0]

    def share_first(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the first one's tensors."""
        if self.size > 1:
            with _told(self), torch.no_grad():
                for x in tensors:
                    sent = x.detach().contiguous()
                    dist.broadcast(sent, 0)
                    x.detach().copy_(sent)


@contextmanager
def _told(group: Group) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what torch.distributed raises, whatever the backend
        reason = str(error).splitlines()[0]
        raise LostProcess(
            f"process {group.rank + 1} of {group.size}: another process of the training ended ({reason})"
        ) from None


@contextmanager
def join(device: torch.device) -> Iterator[tuple[Group, torch.device]]:
    """The group that torchrun describes in the environment, and this process's own device.

    Raises:
        InputError: there are fewer GPUs on this machine than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group(), device
        return
    if device.type == "cuda":
        device = _own_gpu(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=SILENCE)
    try:
        control = dist.new_group(backend="gloo", timeout=SILENCE)
        yield Group(dist.get_rank(), dist.get_world_size(), control), device
    finally:
        dist.destroy_process_group()


def _own_gpu(index: int) -> torch.device:
    count = torch.cuda.device_count()
    if index >= count:
        raise InputError(f"found {count} GPUs for process {index + 1} on this machine, expected one a process")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)
