"""A training step of StyleNAT at true width: ours against the same step written as the official loop has it.

The official loop freezes nothing: the discriminator's loss is differentiated through the generator as well, and the
generator's into the discriminator's weights. Its attention is natten's, for which the plain definition stands in where
natten has no kernels; the generator is in its order of operations. Same weights, images and augmentation on both sides,
and the losses are compared. Then a table of what a step is made of.
"""

import copy
from collections.abc import Callable
from functools import partial

import official_order
import torch
from harness import heading, parser, seconds_in_turn, summary, write_record
from torch.nn.utils import clip_grad_norm_

from stylenat.core.catalog import Catalog
from stylenat.core.device import backend
from stylenat.core.registry import ROOT, load_family
from stylenat.objectives import Batch, losses
from stylenat.training import ema
from stylenat.training.step import Trainer

CPU = torch.device("cpu")
RECIPE = "stylenat-ffhq-256"
LEVELS = 5  # 64 px
BETWEEN_R1 = 1  # a step without the lazy regulariser


def trainer_of(batch_size: int) -> Trainer:
    """StyleNAT as at FFHQ-256, ended at 64 px, under the recipe's constants."""
    catalog = Catalog(ROOT / "config")
    model = catalog.model(RECIPE)
    arch = {**model.arch, "resolution": 64}
    arch |= {name: model.arch[name][:LEVELS] for name in ("kernel_sizes", "dilations")}
    card = catalog.training(RECIPE).model_copy(
        update={"batch_size": batch_size, "pass_size": None, "precision": "fp32"}
    )
    trainer = Trainer(load_family(model.family), arch, card, CPU)
    trainer.step = BETWEEN_R1
    return trainer


def fresh_batch(trainer: Trainer, batch_size: int) -> Batch:
    """Random images in the range of the networks."""
    real_BCHW = torch.randn(batch_size, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return Batch(trainer.generator, trainer.discriminator, real_BCHW, range(batch_size), 0, 0)


def ours(trainer: Trainer, batch: Batch) -> dict[str, float]:
    """Both networks' rounds and the average, as the loop runs them."""
    values: dict[str, float] = {}
    with backend():
        for phases in trainer.objective.rounds:
            values |= trainer.run_round(phases, [batch])
        trainer.averaging.update(ema.decay_at(trainer.card, 0))
    return values


def official(trainer: Trainer, batch: Batch) -> dict[str, float]:
    """The same two updates without freezing, by attention's plain definition, the average parameter by parameter."""
    generator, discriminator, options = trainer.generator, trainer.discriminator, trainer.objective.options
    for network in (generator, discriminator):
        network.requires_grad_(True)
    fake_BCHW = official_order.forward(generator, batch.latents("train-d"))
    fake, real = discriminator(fake_BCHW), discriminator(batch.real_BCHW)
    loss_d = losses.discriminator_loss(real, fake)
    again = discriminator(trainer.objective.augmented(fake_BCHW, "bcr_fake", batch))
    total = loss_d + options.bcr_fake * losses.consistency(again, fake)
    again = discriminator(trainer.objective.augmented(batch.real_BCHW, "bcr_real", batch))
    total = total + options.bcr_real * losses.consistency(again, real)
    discriminator.zero_grad()
    total.backward()
    clip_grad_norm_(discriminator.parameters(), options.clip_d_grad_norm)
    trainer.d_adam.step()
    loss_g = losses.generator_loss(discriminator(official_order.forward(generator, batch.latents("train-g"))))
    generator.zero_grad()
    loss_g.backward()
    trainer.g_adam.step()
    decay = ema.decay_at(trainer.card, 0)
    with torch.no_grad():
        for mean, value in zip(trainer.average.parameters(), generator.parameters(), strict=True):
            mean.mul_(decay).add_(value, alpha=1 - decay)
    return {"loss_d": float(loss_d.detach()), "loss_g": float(loss_g.detach())}


def parts(trainer: Trainer, batch: Batch) -> dict[str, Callable[[], object]]:
    """What a step is made of, each part by itself."""
    generator, discriminator = trainer.generator, trainer.discriminator
    z_BZ = batch.latents("train-d")

    def forward_only() -> None:
        with torch.no_grad():
            generator(z_BZ)

    def generator_both() -> None:
        generator.requires_grad_(True)
        generator(z_BZ).sum().backward()

    def discriminator_both(through_input: bool) -> None:
        discriminator.requires_grad_(not through_input)
        image_BCHW = batch.real_BCHW.detach().requires_grad_(through_input)
        discriminator(image_BCHW).sum().backward()

    rounds = {phase.name: phase for phases in trainer.objective.rounds for phase in phases}
    return {
        "phase d: fakes, four looks, gradient": lambda: trainer.gradient_of(rounds["d"], batch),
        "phase g: fakes, one look, gradient": lambda: trainer.gradient_of(rounds["g"], batch),
        "phase r1, every 16 steps": lambda: trainer.gradient_of(rounds["r1"], batch),
        "generator, no gradient": forward_only,
        "generator, gradient of its weights": generator_both,
        "discriminator, gradient of its weights": partial(discriminator_both, False),
        "discriminator, gradient of the image": partial(discriminator_both, True),
        "Adam, generator": trainer.g_adam.step,
        "Adam, discriminator": trainer.d_adam.step,
        "average": lambda: trainer.averaging.update(0.99),
        "augmentation": lambda: trainer.objective.augmented(batch.real_BCHW, "bcr_real", batch),
    }


def main() -> None:
    """Compare, print the ratio and the table, and write the record."""
    arguments = parser(__doc__)
    arguments.add_argument("--batch-size", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    args = arguments.parse_args()
    print(heading(CPU))
    first = trainer_of(args.batch_size)
    other = copy.deepcopy(first)
    batches = fresh_batch(first, args.batch_size), fresh_batch(other, args.batch_size)
    found, expected = ours(first, batches[0]), official(other, batches[1])
    error = max(abs(found[name] / expected[name] - 1) for name in expected)
    sides = {"ours": partial(ours, first, batches[0]), "official": partial(official, other, batches[1])}
    rows = summary(seconds_in_turn(sides, args.rounds, warm_up=False), "ours")
    print(f"a step at 64 px, true width, batch {args.batch_size}; the losses of the first step differ by {error:.1e}")
    for side, row in rows.items():
        print(f"  {side:10} {row['median_ms'] / 1e3:8.2f} s  {row['over_ours']:.2f}")
    made = parts(first, batches[0])
    for network in (first.generator, first.discriminator):  # gradients for the optimisers to work on
        network.requires_grad_(True)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
    table = summary(seconds_in_turn(made, args.rounds), next(iter(made)))
    for name, row in table.items():
        print(f"  {name:40} {row['median_ms']:9.1f} ms")
    more = {"batch_size": args.batch_size, "recipe": RECIPE, "resolution": 64, "loss_error": error}
    write_record(args.out, "training-64", CPU, more | {"step": rows, "parts": table})


if __name__ == "__main__":
    main()
