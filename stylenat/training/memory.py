"""What a training needs at its peak, found without running it: every phase once, on tensors without numbers."""

import os
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylenat.core.errors import InputError
from stylenat.core.files import read_json, sha256_json, write_json
from stylenat.core.training_cards import TrainingCard
from stylenat.objectives import Batch
from stylenat.training.step import Trainer

GIB = 2**30
NAME = "memory.json"
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class _Live(TorchDispatchMode):
    """Counts the bytes of storages that operations made and that still live."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for value in tree_leaves(found):
            if isinstance(value, Tensor):
                self._see(value.untyped_storage())
        return found

    def _see(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self.known:
            return
        size = storage.nbytes()
        self.known.add(key)
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.bytes -= size


class _Batch(Batch):
    """A batch without numbers."""

    def latents(self, stream: str, count: int | None = None) -> Tensor:
        """Latents (B, Z)."""
        return torch.empty(count or len(self.places), self.generator.spec.z_dim, device=self.real_BCHW.device)


@dataclass(frozen=True)
class Memory:
    """Bytes of one process: what stays between steps, and the largest sum with what a phase holds."""

    lasting: int  # both networks, their average, both optimisers' moments
    peak: int
    peak_phase: str

    def __str__(self) -> str:
        """In GiB."""
        lasting, peak = (f"{size / GIB:.2f} GiB" for size in (self.lasting, self.peak))
        return f"{peak} a process at the peak (phase '{self.peak_phase}'), {lasting} between steps"


def estimate(trainer: Trainer) -> Memory:
    """Memory of a trainer's step, in bytes; what allocators and libraries take comes on top of it.

    Networks are as they are; what the phases hold besides is counted on tensors without numbers.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # slow to import

    lasting = trainer.lasting_bytes()
    card, spec = trainer.card, trainer.generator.spec
    size, peaks = card.batch_size // card.passes, {}
    networks = trainer.generator, trainer.discriminator
    devices = [trainer.device] if trainer.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), FakeTensorMode(allow_non_fake_inputs=True), _Live() as live:
        for phases in trainer.objective.rounds:
            shared: dict[str, Any] = {}
            for phase in phases:
                live.peak = live.bytes
                real_BCHW = torch.empty(size, 3, spec.resolution, spec.resolution, device=trainer.device)
                batch = _Batch(*networks, real_BCHW, range(size), card.seed, 0, shared)
                trainer.gradient_of(phase, batch)
                peaks[phase.name] = live.peak
                trainer.adam(phase.part).zero_grad(set_to_none=True)
    name = max(peaks, key=peaks.get)
    return Memory(lasting, lasting + peaks[name], name)


def remembered(trainer: Trainer, folder: Path) -> Memory:
    """The estimate, kept in the folder for the next time that the same step is run."""
    path = folder / NAME
    key = sha256_json([trainer.card.model_dump(mode="json"), trainer.device.type, torch.__version__])
    if path.is_file():
        try:
            found = read_json(path)
            if found["key"] == key:
                return Memory(**found["memory"])
        except (InputError, KeyError, TypeError):
            pass  # written by other code: made again
    needed = estimate(trainer)
    write_json(path, {"key": key, "memory": asdict(needed)})
    return needed


def available(device: torch.device) -> int:
    """Bytes that are free on the device; on a CPU, what the machine and the job's limit leave."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = [psutil.virtual_memory().available]
    for path in map(Path, CGROUP_LIMITS):
        try:
            found.append(int(path.read_text()) - psutil.Process(os.getpid()).memory_info().rss)
        except (OSError, ValueError):  # no such control group, or no limit
            continue
    return max(min(found), 0)


def check_fits(memory: Memory, device: torch.device, card: TrainingCard, processes: int = 1) -> None:
    """Refuse a step that can't fit; processes on CPUs share the machine's memory.

    Raises:
        InputError: the device has less than the step needs at its peak.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes)) if device.type == "cpu" else 1
    free = available(device) // here
    if memory.peak > free:
        raise InputError(
            f"training '{card.name}' needs {memory}; {device} has {free / GIB:.2f} GiB free for each. It is less with a"
            f" smaller pass_size (now {card.batch_size // card.passes} images), recompute_from_px or precision: bf16"
        )
