"""The ledger of the simulated exchanges: what truly happened there, in order. Nothing in it is ever changed.

It knows nothing of the bot: whatever is claimed about orders is held against it.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, TypeVar

E = TypeVar("E", bound="Entry")


class Accepted(NamedTuple):
    """An order was accepted; ``by`` is who sent it."""

    time_ns: int
    venue: str
    name: str
    venue_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    by: str


class Traded(NamedTuple):
    """An order was filled, once."""

    time_ns: int
    venue: str
    name: str
    trade_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    venue_time_ns: int


class Ended(NamedTuple):
    """An order is over, by whom."""

    time_ns: int
    venue: str
    name: str
    status: str
    by: str


class Settled(NamedTuple):
    """The account's balance of one currency changed to this."""

    time_ns: int
    venue: str
    currency: str
    free: Decimal
    locked: Decimal


Entry = Accepted | Traded | Ended | Settled


class Ledger:
    """Of all venues of one world together."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def write(self, entry: Entry) -> None:
        """Add what happened."""
        self._entries.append(entry)

    def all(self, kind: type[E]) -> list[E]:
        """All entries of a kind."""
        return [entry for entry in self._entries if isinstance(entry, kind)]
