"""What a simulated bot is like, in all its lives."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from msgspec import Struct

from bowstring.trading.executor import Policy
from simulation.fate import is_secretive


class Character(Struct, frozen=True, kw_only=True):
    """What is the same in all lives of a bot.

    One who ``is_stubborn`` mostly buys, and the same. ``dead_man_s`` holds where a venue offers it.
    """

    seed: int
    names: Sequence[str]
    slow: Sequence[str]
    eagerness: float
    is_stubborn: bool
    max_position: Decimal
    max_notional: Decimal
    max_open: int
    may_cross: bool
    on_stop: Policy
    on_halt: Policy
    reconcile_every_s: float
    dead_man_s: float | None


def draw_character(seed: int) -> Character:
    """The character of a seed's bot."""
    random = Random(f"{seed}/character")
    names = ["alice", "bob"][: random.choice([1, 2, 2])]
    return Character(
        seed=seed,
        names=names,
        slow=[name for name in names if random.random() < 0.2],
        eagerness=max(random.choice([0.2, 0.5, 1.0]), is_secretive(seed)),
        max_position=Decimal(1 if is_secretive(seed) else random.choice([2, 5, 10])),
        max_notional=Decimal(random.choice([150, 1_000])),
        max_open=random.choice([4, 8, 100]),
        may_cross=random.random() < 0.7,
        on_stop=random.choice(["cancel", "cancel", "leave"]),
        on_halt=random.choice(["cancel", "cancel", "leave"]),
        reconcile_every_s=random.choice([5.0, 10.0, 30.0]),
        dead_man_s=random.choice([None, 6.0, 6.0, 20.0]),
        is_stubborn=is_secretive(seed),
    )
