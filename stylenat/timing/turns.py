"""Whose turn it is: every round visits all networks that still take part, in an order of its own."""

from collections.abc import Sequence

from stylenat.timing.contender import Contender


def order(names: Sequence[str], round_index: int) -> list[str]:
    """The order of one round: every second one reverses the one before, and each such pair starts one name further.

    Within a pair all names stand at the same mean place, so that a linear drift cancels.
    """
    start = round_index // 2 % len(names) if names else 0
    turned = [*names[start:], *names[:start]]
    return turned[::-1] if round_index % 2 else turned


def taking_part(everyone: Sequence[Contender]) -> list[Contender]:
    """Those that have not failed."""
    return [one for one in everyone if not one.reason]


def in_turn(contenders: Sequence[Contender], round_index: int) -> list[Contender]:
    """Networks in the order of one round."""
    by_name = {one.name: one for one in contenders}
    return [by_name[name] for name in order(list(by_name), round_index)]
