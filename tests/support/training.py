"""Networks, images and a recipe that train in milliseconds."""

import torch

from stylenat.core.interface import GeneratorSpec
from stylenat.core.training_cards import TrainingCard
from stylenat.objectives.logistic import LogisticObjective

ARCH = {"width": 8}
OBJECTIVE = {"r1_gamma": 1.0, "r1_interval": 4, "bcr_real": 1.0, "bcr_fake": 1.0, "clip_d_grad_norm": 5.0}


class Generator(torch.nn.Module):
    """Latents of 4 numbers to images of 8 px."""

    def __init__(self, width):
        super().__init__()
        self.spec = GeneratorSpec(z_dim=4, resolution=8)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 192))

    def forward(self, z_BZ, labels_B=None):
        return self.layers(z_BZ).view(-1, 3, 8, 8)

    def levels(self):
        return [(8, layer) for layer in self.layers]


class Discriminator(torch.nn.Module):
    """With a spectral norm, whose vectors are part of the state; gives NaN from one call on if told so."""

    def __init__(self, width, breaks_at_step):
        super().__init__()
        hidden = torch.nn.utils.spectral_norm(torch.nn.Conv2d(3, width, 3, stride=2))
        self.layers = torch.nn.Sequential(hidden, torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(9 * width, 1))
        self.breaks_at_step, self.steps = breaks_at_step, 0

    def forward(self, image_BCHW):
        logit = self.layers(image_BCHW)
        if self.breaks_at_step is not None and self.training:
            numbers = type(image_BCHW) is torch.Tensor
            self.steps += numbers and not image_BCHW.requires_grad and torch.is_grad_enabled()
        broken = self.breaks_at_step is not None and self.steps > 4 * self.breaks_at_step
        return logit * float("nan") if broken else logit


class Family:
    """Toy networks; each discriminator step calls the network four times on images without gradient."""

    def __init__(self, breaks_at_call=None):
        self.breaks = breaks_at_call

    def build_generator(self, arch):
        return Generator(arch["width"])

    def build_discriminator(self, arch):
        return Discriminator(arch["width"], self.breaks)

    def build_objective(self, options):
        return LogisticObjective(options)


class Noise:
    """A set of random images."""

    fingerprint = "noise"

    def __init__(self, count=24, resolution=8):
        rng = torch.Generator().manual_seed(0)
        self.resolution = resolution
        self.pixels = torch.randint(0, 256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=rng)

    def __len__(self):
        return len(self.pixels)

    def images_at(self, indices, mirrored=None):
        pixels = self.pixels[list(indices)]
        if mirrored is not None:
            pixels[list(mirrored)] = pixels[list(mirrored)].flip(3)
        return pixels


def card(**changes):
    """A recipe of 64 images, decaying from the middle."""
    data = {
        "name": "toy",
        "title": "Toy recipe",
        "hardware": "any",
        "hours": "none",
        "total_nimg": 64,
        "batch_size": 4,
        "generator": {"lr": 1e-3},
        "discriminator": {"lr": 2e-3},
        "lr_decay_start_nimg": 32,
        "objective": OBJECTIVE,
        "ema_half_life_nimg": 16,
        "log_nimg": 8,
        "state_nimg": 16,
    }
    return TrainingCard.model_validate(data | changes)


class Pool(torch.nn.Module):
    """A detector of four features."""

    def forward(self, pixel_BCHW):
        x = pixel_BCHW.float() / 255
        return torch.stack(
            [x.mean((1, 2, 3)), x.std((1, 2, 3)), x[:, 0].mean((1, 2)), x[:, :, :4].mean((1, 2, 3))], dim=1
        )
