"""The `Journal` port: what must be on record before an order can leave, and what a start begins from."""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.messages import Event
from bowstring.trading.messages import Position, RiskStateChanged
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order


class Cursor(Struct, frozen=True, kw_only=True):
    """All fills of the bot's orders at ``venue`` up to ``time_ns``, by its clock, were asked for and are on record."""

    venue: str
    time_ns: int


News = Event | Cursor
"""What goes on record: of the events those that tell of orders, fills, positions, mismatches, risk and decisions."""


class Remembered(Struct, frozen=True, kw_only=True):
    """What is on record of one account.

    ``live`` orders are not final; one that is ``pending`` had no known outcome when the record ends. ``finished`` are
    the latest that are final. Both are in the order in which they were recorded. ``trades`` are the
    ``(client_order_id, trade_id)`` of their fills and ``filled`` the sum of those, in base units, by client order id.
    ``positions`` have all that ever filled. ``cursor_ns`` is the latest `Cursor`, 0: none. ``mismatches`` say by symbol
    why no new risk may be taken in it. ``fees`` are the ``(symbol, currency)`` in which any were taken.
    """

    live: Sequence[Order] = ()
    finished: Sequence[Order] = ()
    trades: Sequence[tuple[str, str]] = ()
    filled: Mapping[str, Decimal] = {}
    positions: Sequence[Position] = ()
    cursor_ns: int = 0
    mismatches: Mapping[str, str] = {}
    fees: Sequence[tuple[str, str]] = ()


class Journal(Protocol):
    """The record of one bot, which all its executors of orders share. For the event loop's thread only."""

    @property
    def risk(self) -> RiskStateChanged:
        """The present state of risk: of all that was written the latest."""
        ...

    @property
    def control_file(self) -> str:
        """The path, without its suffix, of the files by which a human tells the bot what to do; ``""``: none."""
        ...

    def open(self, clock: Clock) -> bool:
        """Open the journal for one more executor; True for the first, which has begun a new epoch.

        Raises `ConfigError` where another process has it open, or what is there is no journal that can be trusted.
        """
        ...

    def close(self) -> None:
        """One executor less; the last one closes the journal."""
        ...

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        """Put orders on record, all or none; None: done, else await it before sending.

        Raises `NotSent` when one of them is on record already, and what the storage raises: nothing is sent then.
        """
        ...

    def write(self, news: Sequence[News], /) -> None:
        """Put on record what became of orders, all or none; what is no matter of record is left out.

        Raises what the storage raises. Then, and where it fails later, `record` raises from then on.
        """
        ...

    def recall(self, venue: str) -> Remembered:
        """What is on record of the account at a venue."""
        ...

    def strays(self, venues: Collection[str]) -> Sequence[Order]:
        """Orders that are not final, at other venues than these."""
        ...

    def guard_states(self) -> Mapping[str, str]:
        """What guards asked to be kept, by their names."""
        ...
