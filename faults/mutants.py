"""Broken classes, one for each promise: a row that does not find its mutant proves nothing.

They are put in the place of the true ones in the process of a bot, and nowhere else: the product knows nothing of them.
"""

from msgspec import Struct

from bowstring.trading.executor import OrderExecutor
from faults.gateway import LocalGateway
from faults.journal import JournalFile


class Parts(Struct, frozen=True, kw_only=True):
    """What a bot's order path is made of."""

    gateway: type[LocalGateway] = LocalGateway
    executor: type[OrderExecutor] = OrderExecutor
    journal: type[JournalFile] = JournalFile


class Mutant(Struct, frozen=True, kw_only=True):
    """What is broken, what it breaks, and the rows that have to find it."""

    breaks: str
    rows: tuple[str, ...]
    parts: Parts


def of(name: str) -> Parts:
    """The parts with which a mutant of that name runs; ``""``: the true ones."""
    return MUTANTS[name].parts if name else Parts()


MUTANTS: dict[str, Mutant] = {}
