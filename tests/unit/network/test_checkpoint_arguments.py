"""Arguments stored in checkpoints: compared where their meaning is certain, else only kept."""

from pathlib import Path

import pytest
from support import official

from stylenat.core.errors import InputError
from stylenat.network.checkpoint_arguments import check_arguments
from stylenat.network.config import parse_arch

ARCH = parse_arch(official.ARCH)
PATH = Path("x.pt")


def changed(**changes):
    """The run's arguments with other words for the generator; None takes one away."""
    arguments = official.run_arguments()
    generator = {**arguments["runs"]["generator"], **changes}
    arguments["runs"]["generator"] = {name: value for name, value in generator.items() if value is not None}
    return arguments


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 64}, "size is 64, resolution on the card is 32"),
        ({"runs": {"size": 256}}, "runs.size is 256, resolution on the card is 32"),
        (changed(channel_multiplier=1), "runs.generator.channel_multiplier is 1, channel_multiplier on the card is 2"),
        (changed(min_heads=8), "runs.generator.min_heads is 8, min_heads on the card is 4"),
        (changed(n_mlp=4), "runs.generator.n_mlp is 4, mapping_layers on the card is 8"),
        (changed(style_dim=256), "runs.generator.style_dim is 256, style_dim on the card is 512"),
        (
            changed(kernels=[[3], [7], [5], [7]]),
            "runs.generator.kernels is [[3], [7], [5], [7]], kernel_sizes on the card is [3, 7, 7, 7]",
        ),
        (
            changed(dilations=[[1], [1], [1, 2, 4], [1, 4]]),
            "runs.generator.dilations is [[1], [1], [1, 2, 4], [1, 4]],"
            " dilations on the card is [[1], [1], [1, 2], [1, 4]]",
        ),
    ],
)
def test_a_contradiction_is_refused_with_both_values(arguments, says):
    with pytest.raises(InputError) as caught:
        check_arguments(arguments, ARCH, "generator", PATH)
    assert str(caught.value) == f"x.pt: the arguments stored there contradict the model card: {says}"


def test_all_contradictions_stand_in_one_line():
    with pytest.raises(InputError, match=r"size is 64.*; runs\.generator\.min_heads is 8"):
        check_arguments({**changed(min_heads=8), "size": 64}, ARCH, "generator", PATH)


@pytest.mark.parametrize(
    "arguments",
    [
        changed(kernels=[[9], *official.KERNELS[1:]]),  # 4 px attends to everything
        changed(dilations=[[1], [1, 1], *official.DILATIONS[2:]]),
        changed(kernels=[[3], [7, 7], *official.KERNELS[2:]]),
    ],
)
def test_another_spelling_of_the_same_network_agrees(arguments):
    equal = check_arguments(arguments, ARCH, "generator", PATH)
    assert {"runs.generator.kernels", "runs.generator.dilations"} <= set(equal)


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        "Namespace",
        {"runs": "dict"},
        {"size": "256"},
        {"size": True},
        {"dilations": [[1], [9], [9], [9]], "min_heads": 8, "channel_multiplier": 1},  # no run file: meaning unknown
        changed(kernels=None, dilations=[[1], [1]], min_heads=None),
        changed(dilations=["1", "1", "2", "4"], kernels=7),
    ],
)
def test_what_can_not_be_compared_is_no_contradiction(arguments):
    equal = check_arguments(arguments, ARCH, "generator", PATH)
    assert not {"size", "runs.generator.kernels", "runs.generator.dilations"} & set(equal)


def test_a_discriminator_is_compared_with_its_own_words():
    arguments = changed(channel_multiplier=1, min_heads=8)
    assert check_arguments(arguments, ARCH, "discriminator", PATH) == [
        "runs.size",
        "runs.discriminator.channel_multiplier",
    ]
    arguments["runs"]["discriminator"]["channel_multiplier"] = 1
    with pytest.raises(InputError, match=r"runs\.discriminator\.channel_multiplier is 1, .* is 2"):
        check_arguments(arguments, ARCH, "discriminator", PATH)
