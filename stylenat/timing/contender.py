"""One network of a session: its calls, its memory, and the reason why it dropped out, if it did.

Shape suffixes: z_BZ latents, z_CBZ those of C calls, image_BCHW floats, pixel_BCHW uint8.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from stylenat.core.errors import InputError
from stylenat.core.images import to_uint8
from stylenat.core.seeds import torch_seed
from stylenat.timing.clock import Clock
from stylenat.timing.memory import Memory
from stylenat.timing.precision import autocast
from stylenat.timing.session import Point
from stylenat.timing.settings import Settings

MAPPING_NAMES = ("mapping", "style")  # submodules from latents to styles

Call = Callable[[torch.Tensor], Any]


class Contender:
    """A generator on its device, ready to be called; `reason` is empty as long as it takes part."""

    def __init__(
        self, name: str, settings: Settings, device: torch.device, seed: int, clock: Clock, memory: Memory
    ) -> None:
        self.name, self.settings, self.device, self.clock, self.memory = name, settings, device, clock, memory
        self.random = torch.Generator(device).manual_seed(torch_seed(seed, "throughput", 0))
        self.batch_size, self.calls, self.weights_bytes = settings.batch_size or 1, settings.calls, 0
        self.reason = self.sweep_end = self.parts_end = ""
        self.warmup_seconds: list[float] = []
        self.curve: list[Point] = []
        self.parts: dict[str, list[float]] = {}
        self.peak_bytes: int | None = None

    def build(self, make: Callable[[], torch.nn.Module]) -> None:
        """Make the generator, move it to the device and compile it where the protocol says so.

        Raises:
            InputError: the generator is conditional.
        """
        before = self.memory.held()
        self.generator = make().to(self.device)
        self.weights_bytes = self.memory.held() - before
        self.spec = self.generator.spec
        if self.spec.num_classes:
            raise InputError("the generator is conditional; only unconditional ones are timed")
        self._network = torch.compile(self.generator, dynamic=False) if self.settings.compiled else self.generator

    def attempt(self, where: str, step: Callable[[], Any]) -> Any:
        """A step's result; a failure of any kind is the reason to drop out, and gives None."""
        try:
            return step()
        except Exception as error:  # whatever went wrong, the others are still to be measured
            text = " ".join(str(error).split())
            self.reason = f"{where}: {text if isinstance(error, InputError) else f'{type(error).__name__}: {text}'}"
        return None

    def call(self, z_BZ: torch.Tensor) -> torch.Tensor:
        """Latents to images, at the protocol's precision."""
        with autocast(self.settings.precision, self.device):
            return self._network(z_BZ)

    def latents(self, calls: int) -> Sequence[torch.Tensor]:
        """Latents for so many calls: for each its own, or one draw for all of them and for every round."""
        fixed = self.settings.mode == "official"
        if fixed:
            self.random.manual_seed(self.random.initial_seed())
        shape = (1 if fixed else calls, self.batch_size, self.spec.z_dim)
        z_CBZ = torch.randn(shape, generator=self.random, device=self.device)
        return z_CBZ.expand(calls, -1, -1).unbind()

    def warm_up(self, calls: int, seconds: float = 0.0) -> None:
        """Call so many times, and on until the calls behind the first took so long; then settle a round's calls."""
        self.memory.release()
        self.warmup_seconds = []
        while len(self.warmup_seconds) < calls or math.fsum(self.warmup_seconds[1:]) < seconds:
            self.warmup_seconds.append(self._seconds(self.call, self.latents(1)))
        limit, last = self.settings.round_seconds, self.warmup_seconds[-1]
        self.calls = self.settings.calls
        if limit is not None and last * self.calls > limit:
            self.calls = max(1, math.floor(limit / last))

    def turn(self) -> list[float]:
        """One round's samples: seconds of each call, or of all calls together; the peak of memory is kept."""
        self._settle()
        others = self.memory.held() - self.weights_bytes
        self.memory.reset_peak()
        samples = self._samples(self.call, self.latents(self.calls))
        if self.memory.known:
            self.peak_bytes = max(self.memory.peak() - others, self.peak_bytes or 0)
        return samples

    def _settle(self) -> None:
        """On a GPU, an untimed call: no sample pays for taking over the memory that the network before had reserved."""
        if self.memory.known:
            self.memory.release()
            self.call(self.latents(1)[0])

    def time_parts(self) -> None:
        """Add one round's samples of every part that this network and this device have, in seconds of a call."""
        self._settle()
        count = self.calls
        for name, (function, inputs) in self._part_calls(count).items():
            samples = self._samples(function, inputs)
            each = samples if self.settings.separately else [samples[0] / count]
            self.parts.setdefault(name, []).extend(each)

    def _part_calls(self, count: int) -> dict[str, tuple[Call, Sequence[torch.Tensor]]]:
        latents = self.latents(count)
        found: dict[str, tuple[Call, Sequence[torch.Tensor]]] = {"call": (self.call, latents)}
        mapping = next((getattr(self.generator, name) for name in MAPPING_NAMES if hasattr(self.generator, name)), None)
        if mapping is not None:
            found["mapping"] = (self._at_precision(mapping), latents)
        image_BCHW = self.call(latents[0])
        found["to_uint8"] = (lambda image: to_uint8(image, self.spec), [image_BCHW] * count)
        if self.device.type != "cpu":
            found["to_host"] = (torch.Tensor.cpu, [to_uint8(image_BCHW, self.spec)] * count)
        return found

    def _at_precision(self, module: torch.nn.Module) -> Call:
        def run(z_BZ: torch.Tensor) -> torch.Tensor:
            with autocast(self.settings.precision, self.device):
                return module(z_BZ)

        return run

    def _samples(self, function: Call, inputs: Sequence[torch.Tensor]) -> list[float]:
        if self.settings.separately:
            return [self._seconds(function, [one]) for one in inputs]
        return [self._seconds(function, inputs)]

    def _seconds(self, function: Call, inputs: Sequence[torch.Tensor]) -> float:
        self.clock.start()
        for one in inputs:
            function(one)
        return self.clock.stop()
