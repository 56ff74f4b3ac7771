"""The order state machine: pure, monotone, and indifferent to the order and number of reports.

An order's state is the join of all that was ever reported of it: the highest status rank, the greatest cumulative
fill. So reports may come late, twice or in any order, and some never: the state is the same, and never goes back.
"""

from decimal import Decimal

import msgspec

from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import FINAL, OrderStatus, OrderUpdate, Side

RANK: dict[OrderStatus, int] = {
    "pending": 0,
    "unknown": 1,
    "open": 2,
    "failed": 3,
    "refused": 4,
    "rejected": 5,
    "expired": 6,
    "cancelled": 7,
    "filled": 8,
}
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
        """Whether nothing more can happen to it."""
        return self.status in FINAL

    @property
    def remaining(self) -> Decimal:
        """What can still be filled, in base units: of an unknown order all that is not filled."""
        return Decimal(0) if self.is_final else self.quantity - self.filled

    def update(self) -> OrderUpdate:
        """The order as an event for its strategy."""
        return OrderUpdate(**{field: getattr(self, field) for field in self.__struct_fields__})


def advance(order: Order, report: OrderReport) -> Order:
    """The order after a report: the same object if the report tells nothing new."""
    filled = max(order.filled, report.filled)
    status = max(order.status, report.status, key=RANK.__getitem__)
    if filled >= order.quantity:
        status = "filled"
    after = msgspec.structs.replace(
        order,
        status=status,
        filled=filled,
        venue_order_id=order.venue_order_id or report.venue_order_id,
        reason=report.reason if status != order.status else order.reason,
        time_ns=max(order.time_ns, report.time_ns),
    )
    told = (after.status, after.filled, after.venue_order_id)
    return order if told == (order.status, order.filled, order.venue_order_id) else after


def contradiction(order: Order, report: OrderReport) -> str | None:
    """Why the report cannot be true together with what was known, so that a human must look; None if it can."""
    if report.filled > order.quantity:
        return f"{order.client_order_id} filled {report.filled} of {order.quantity}"
    lived = report.status not in NEVER_LIVED and RANK[report.status] >= RANK["open"]
    if order.status in NEVER_LIVED and (lived or report.filled):
        return f"{order.client_order_id} was {order.status}, yet the venue reports it {report.status}"
    return None
