"""The order state machine: pure, monotone, and indifferent to the order and number of reports.

An order's state is the join of all that was ever reported of it: the highest status rank, the greatest cumulative
fill. So reports may come late, twice or in any order, and some never: the state is the same, and never goes back.

A human's word is no report: an order that the venue shows as open after a human has said that it ended is open.
"""

from decimal import Context, Decimal

import msgspec

from bowstring.core.errors import NotSent
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import FINAL, OrderStatus, OrderUpdate, Side
from bowstring.trading.new_orders import NewOrder, new_id

EXACT = Context(prec=1_000)
"""For sums and products of money: the ambient context rounds to 28 digits, and anybody may change it."""

RANK: dict[OrderStatus, int] = {
    "pending": 0,
    "unknown": 1,
    "failed": 2,
    "refused": 3,
    "rejected": 4,
    "open": 5,  # above all that says that it never lived: an order that the venue shows is alive
    "expired": 6,
    "cancelled": 7,
    "filled": 8,
}
DECIDED = "decided by "
"""How the reason begins where a human has said what became of an order, or how much of it was filled."""
NEVER_LIVED: frozenset[OrderStatus] = frozenset({"failed", "refused", "rejected"})


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the bot knows it. ``filled`` is cumulative, in base units."""

    strategy: str
    venue: str
    symbol: str
    client_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    status: OrderStatus = "pending"
    filled: Decimal = Decimal(0)
    venue_order_id: str = ""
    reason: str = ""
    time_ns: int = 0

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.status in FINAL

    @property
    def remaining(self) -> Decimal:
        """What can still be filled, in base units: of an unknown order all that is not filled."""
        return Decimal(0) if self.is_final else EXACT.subtract(self.quantity, self.filled)

    def update(self) -> OrderUpdate:
        """The order as an event for its strategy."""
        return OrderUpdate(
            strategy=self.strategy,
            venue=self.venue,
            symbol=self.symbol,
            client_order_id=self.client_order_id,
            side=self.side,
            quantity=self.quantity,
            price=self.price,
            status=self.status,
            filled=self.filled,
            venue_order_id=self.venue_order_id,
            reason=self.reason,
            time_ns=self.time_ns,
        )

    @classmethod
    def told_by(cls, update: OrderUpdate) -> "Order":
        """The order that an event tells of."""
        return cls(
            strategy=update.strategy,
            venue=update.venue,
            symbol=update.symbol,
            client_order_id=update.client_order_id,
            side=update.side,
            quantity=update.quantity,
            price=update.price,
            status=update.status,
            filled=update.filled,
            venue_order_id=update.venue_order_id,
            reason=update.reason,
            time_ns=update.time_ns,
        )


def intended(action: NewOrder) -> Order:
    """The order that an action asks for, before anything is known of it. Raises `NotSent` for a replacement of none."""
    if action.side is None:
        raise NotSent(f"{new_id(action)} is to replace an order that is not known")
    return Order(
        strategy=action.strategy,
        venue=action.venue,
        symbol=action.symbol,
        client_order_id=new_id(action),
        side=action.side,
        quantity=action.quantity,
        price=action.price,
    )


def advance(order: Order, report: OrderReport) -> Order:
    """The order after a report: the join of the two. Of two reasons for one status the greater stays."""
    if lives_again(order, report):
        order = msgspec.structs.replace(order, status="unknown", reason="", filled=Decimal(0))
    status, reason = report.status, report.reason
    if report.filled >= order.quantity and status != "filled":
        status, reason = "filled", ""
    if (RANK[order.status], order.reason) > (RANK[status], reason):
        status, reason = order.status, order.reason
    return msgspec.structs.replace(
        order,
        status=status,
        filled=max(order.filled, report.filled),
        venue_order_id=max(order.venue_order_id, report.venue_order_id),
        reason=reason,
        time_ns=max(order.time_ns, report.time_ns),
    )


def is_news(before: Order, after: Order) -> bool:
    """Whether a strategy is to be told. Another reason why an order never lived is none."""
    if before.status in NEVER_LIVED and after.status in NEVER_LIVED and before.filled == after.filled:
        return False
    return (before.status, before.filled, before.venue_order_id) != (after.status, after.filled, after.venue_order_id)


def is_decided(order: Order) -> bool:
    """Whether it has lived, and ended by a human's word."""
    return order.is_final and order.status not in NEVER_LIVED and order.reason.startswith(DECIDED)


def lives_again(order: Order, report: OrderReport) -> bool:
    """Whether the venue shows an order as open of which a human has said that it ended."""
    return report.status == "open" and is_decided(order)


def contradiction(order: Order, report: OrderReport) -> str | None:
    """Why the report cannot be true together with what was known, so that a human must look; None if it can."""
    if report.filled > order.quantity:
        return f"{order.client_order_id} filled {report.filled:f} of {order.quantity:f}"
    if lives_again(order, report) or (order.status in NEVER_LIVED and _shows_life(report)):
        return f"{order.client_order_id} was {order.status}, yet it is {report.status}, {report.filled:f} filled"
    if report.status in NEVER_LIVED and order.filled:
        return f"{order.client_order_id} has filled {order.filled:f}, yet it is {report.status}"
    ids = {order.venue_order_id, report.venue_order_id} - {""}
    if len(ids) > 1:
        return f"{order.client_order_id} is two orders at the venue: {' and '.join(sorted(ids))}"
    return None


def _shows_life(report: OrderReport) -> bool:
    return report.filled > 0 or (RANK[report.status] >= RANK["open"] and report.status not in NEVER_LIVED)
