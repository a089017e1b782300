"""A clock that networks move, so that timings are what a test says."""

import torch

from stylenat.core.interface import GeneratorSpec


class FakeClock:
    """Shows the time that networks say they took; keeps how many calls lay between each start and stop."""

    def __init__(self):
        self.now, self.started, self.calls, self.called = 0.0, 0.0, [], 0

    def start(self):
        self.started, self.called = self.now, 0

    def stop(self):
        self.calls.append(self.called)
        return self.now - self.started


class FakeMemory:
    """A GPU's memory: networks say what they hold between calls and what more within one."""

    known = True

    def __init__(self):
        self.now, self.most, self.released = 0, 0, 0

    def held(self):
        return self.now

    def reset_peak(self):
        self.most = self.now

    def peak(self):
        return self.most

    def release(self):
        self.released += 1

    def use(self, count):
        self.most = max(self.most, self.now + count)


class Timed(torch.nn.Module):
    """A generator of images of 2 px whose call takes `fixed` seconds and `each` for every image.

    A batch of more than `largest` images does not fit into memory; a call at or after `breaks_at` fails.
    """

    def __init__(self, clock, fixed=0.0, each=1.0, largest=None, breaks_at=None, drift=0.0):
        super().__init__()
        self.spec = GeneratorSpec(z_dim=3, resolution=2)
        self.clock, self.fixed, self.each, self.largest, self.breaks_at = clock, fixed, each, largest, breaks_at
        self.drift, self.latents, self.outputs = drift, [], []

    def forward(self, z_BZ, labels_B=None):
        if self.largest is not None and len(z_BZ) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")
        if self.breaks_at is not None and len(self.latents) >= self.breaks_at:
            raise RuntimeError("broken")
        self.latents.append(z_BZ.clone())
        self.clock.called += 1
        self.clock.now += (self.fixed + self.each * len(z_BZ)) * (1 + self.drift * self.clock.now)
        image_BCHW = (z_BZ @ torch.eye(3)).view(-1, 3, 1, 1).expand(-1, -1, 2, 2)
        self.outputs.append((image_BCHW @ torch.eye(2)).dtype)
        return image_BCHW
