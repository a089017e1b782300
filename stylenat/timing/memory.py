"""The memory of a device: how much is held now and at most, where the device tells it."""

from typing import Protocol

import torch


class Memory(Protocol):
    """What a device's allocator tells; `known` is false where it tells nothing."""

    known: bool

    def held(self) -> int:
        """Bytes of all tensors that lie on the device now."""
        ...

    def reset_peak(self) -> None:
        """Begin to look for the most bytes held."""
        ...

    def peak(self) -> int:
        """The most bytes held since `reset_peak`."""
        ...

    def release(self) -> None:
        """Give back what is reserved but holds no tensor."""
        ...


class UnknownMemory:
    """A CPU's: shared with all that runs there, so that nothing is said of it."""

    known = False

    def held(self) -> int:
        """Nothing."""
        return 0

    def reset_peak(self) -> None:
        """Nothing to begin."""

    def peak(self) -> int:
        """Nothing."""
        return 0

    def release(self) -> None:
        """Nothing to give back."""


class CudaMemory:
    """A GPU's, by torch's allocator."""

    known = True

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def held(self) -> int:
        """Bytes of all tensors on the GPU."""
        return torch.cuda.memory_allocated(self.device)

    def reset_peak(self) -> None:
        """Begin to look for the most bytes held."""
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> int:
        """The most bytes held since `reset_peak`."""
        return torch.cuda.max_memory_allocated(self.device)

    def release(self) -> None:
        """Empty the allocator's cache."""
        torch.cuda.empty_cache()


def memory_of(device: torch.device) -> Memory:
    """The memory that fits a device."""
    return CudaMemory(device) if device.type == "cuda" else UnknownMemory()
