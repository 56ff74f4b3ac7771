"""Orders as a simulated venue has them, and the crowd that they trade with."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import OrderStatus, Side, TimeInForce

TICK = Decimal("0.01")
LOT = Decimal("0.001")
ZERO = Decimal(0)


class No(Exception):
    """The venue refuses."""


class Wanted(NamedTuple):
    """An order as it reaches the venue."""

    symbol: str
    name: str
    side: Side
    quantity: Decimal
    price: Decimal
    time_in_force: TimeInForce = "gtc"
    post_only: bool = False

    def lock(self, quantity: Decimal) -> tuple[str, Decimal]:
        """What so much of it locks, of which currency."""
        base, quote = self.symbol.split("/")
        return (quote, quantity * self.price) if self.side == "buy" else (base, quantity)


class Was(NamedTuple):
    """What an order was from some moment on."""

    time_ns: int
    status: OrderStatus
    filled: Decimal


@dataclass(slots=True)
class VenueOrder:
    """An order of the account, with its past."""

    wanted: Wanted
    venue_order_id: str
    by: str
    status: OrderStatus = "open"
    filled: Decimal = ZERO
    past: list[Was] = field(default_factory=list[Was])

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return self.wanted.quantity - self.filled

    def at(self, time_ns: int) -> Was | None:
        """What it was at a time; None: not there yet."""
        return next((was for was in reversed(self.past) if was.time_ns <= time_ns), None)

    def report(self, was: Was) -> OrderReport:
        """The venue's word on it, as of a moment."""
        return OrderReport(
            client_order_id=self.wanted.name,
            status=was.status,
            filled=was.filled,
            venue_order_id=self.venue_order_id,
            time_ns=was.time_ns,
        )


@dataclass(slots=True)
class Crowd:
    """The rest of the market in one symbol: the best bid and ask in ticks, and how much is there."""

    bid: int
    ask: int
    size: Decimal = Decimal(1)

    def touch(self, wanted: Wanted) -> tuple[Decimal, bool]:
        """The price at which an order would trade, and whether it would."""
        price = (self.ask if wanted.side == "buy" else self.bid) * TICK
        return price, wanted.price >= price if wanted.side == "buy" else wanted.price <= price
